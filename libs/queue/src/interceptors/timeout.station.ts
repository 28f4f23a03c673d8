import type { Clock } from '../ambient/clock.js';
import type { Outcome } from '../message/outcome.js';
import { failed } from '../message/outcome.js';
import { HandlerTimeoutError } from './handling.errors.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/**
 * Sets the handler's deadline; the lease keeper, which has a timer anyway, aborts the signal when it passes. A handler
 * that nevertheless returns did its work and is believed; one that fails after its deadline failed by timeout.
 */
export class TimeoutStation implements Station {
  readonly name = 'timeout';

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
    private readonly watch: (handling: Handling) => void,
  ) {}

  enter(handling: Handling): undefined {
    handling.deadlineAt = this.clock.mono() + this.timeoutMs;
    this.watch(handling);
    return undefined;
  }

  exit(handling: Handling, outcome: Outcome): Outcome {
    handling.deadlineAt = Infinity;
    if (outcome.kind === 'failed' && handling.abortReason instanceof HandlerTimeoutError) {
      return failed(handling.abortReason, 'timeout');
    }
    return outcome;
  }
}
