import type { FailureRecord } from '../message/failure-record.js';
import { failed, type Outcome } from '../message/outcome.js';
import { CrashLoopError } from './handling.errors.js';
import type { Handling } from './handling.js';
import type { RecordFailure } from './failure-recorder.js';
import type { Station } from './station.js';

export interface DeadLetterLimits {
  readonly attempts: number;
  readonly maxCrashes: number;
}

/** Stops a message that keeps ending processes before it ends the next one. */
export class DeadLetterStation implements Station {
  readonly name = 'dead-letter';

  constructor(
    private readonly limits: DeadLetterLimits,
    private readonly record: RecordFailure,
  ) {}

  enter(handling: Handling): Outcome | undefined {
    const { crashes, attempt } = handling.delivery;
    if (crashes === 0) return undefined;
    if (crashes < this.limits.maxCrashes && attempt <= this.limits.attempts) return undefined;
    return { kind: 'dead', failure: this.#crashRecord(handling) };
  }

  #crashRecord(handling: Handling): FailureRecord {
    const { crashes } = handling.delivery;
    const error = new CrashLoopError(
      `${crashes} deliveries of this message ended without an answer: its handler ended the process, or outlived its lease`,
    );
    return this.record(handling, failed(error, 'crash', true));
  }
}
