import type { Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** Who wants to know how attempts end. */
export interface CircuitVerdicts {
  succeeded(): void;
  failed(): void;
}

/** Tells successes from failures that another attempt might not have. What is wrong with a message itself is neither. */
export class CircuitStation implements Station {
  readonly name = 'circuit';

  constructor(private readonly circuit: CircuitVerdicts) {}

  exit(_handling: Handling, outcome: Outcome): Outcome {
    if (outcome.kind === 'ack') this.circuit.succeeded();
    else if (outcome.kind === 'failed' && !outcome.permanent) this.circuit.failed();
    return outcome;
  }
}
