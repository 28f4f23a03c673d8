import type { Clock } from '../ambient/clock.js';
import { describeError } from '../message/error-info.js';
import type { FailureRecord } from '../message/failure-record.js';
import type { Failed } from '../message/outcome.js';
import type { Handling } from './handling.js';

export type RecordFailure = (handling: Handling, failure: Failed) => FailureRecord;

export interface Recorder {
  readonly clock: Clock;
  /** `Class.method`. */
  readonly handler: string;
  /** `hostname:pid`. */
  readonly host: string;
}

export function failureRecorder({ clock, handler, host }: Recorder): RecordFailure {
  return (handling, failure) => ({
    attempt: handling.delivery.attempt,
    at: clock.now(),
    reason: failure.reason,
    error: describeError(failure.error),
    handler: handling.route?.name ?? handler,
    host,
  });
}
