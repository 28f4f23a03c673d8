import type { Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** What became of the deliveries of one consumer since it started. */
export interface OutcomeCounts {
  ack: number;
  release: number;
  retry: number;
  dead: number;
  lost: number;
}

export const noCounts = (): OutcomeCounts => ({ ack: 0, release: 0, retry: 0, dead: 0, lost: 0 });

/** Counts outcomes. Outermost, so that it sees what is really settled. */
export class ObserveStation implements Station {
  readonly name = 'observe';

  constructor(private readonly counts: OutcomeCounts) {}

  exit(_handling: Handling, outcome: Outcome): Outcome {
    if (outcome.kind !== 'failed') this.counts[outcome.kind]++;
    return outcome;
  }
}
