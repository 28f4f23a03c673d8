import type { Random } from '../ambient/random.js';
import type { Outcome } from '../message/outcome.js';
import { decideRetry, type RetryPolicy } from '../policies/retry.policy.js';
import type { RecordFailure } from './failure-recorder.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** Turns a failure into what the policy makes of it. A retry is a new delivery, never a sleep that holds a lease. */
export class RetryStation implements Station {
  readonly name = 'retry';

  constructor(
    private readonly policy: RetryPolicy,
    private readonly record: RecordFailure,
    private readonly random: Random,
  ) {}

  exit(handling: Handling, outcome: Outcome): Outcome {
    if (outcome.kind !== 'failed') return outcome;
    const failure = this.record(handling, outcome);
    const decision = decideRetry(this.policy, outcome, handling.delivery.attempt, this.random.next());
    return decision.kind === 'dead'
      ? { kind: 'dead', failure }
      : { kind: 'retry', delayMs: decision.delayMs, failure };
  }
}
