import type { Duration } from '../policies/duration.js';
import type { PublishOptions } from './publish-options.js';

export interface RequestOptions extends Omit<PublishOptions, 'delay' | 'ttl' | 'wait'> {
  /** How long to wait for the answer. A request that has not been handled by then is not handled any more. */
  readonly timeout: Duration;
}

/** What became of the requests of one bus. */
export interface RequestCounts {
  /** Wait for their answer now. */
  readonly pending: number;
  readonly answered: number;
  /** With RequestFailedError. */
  readonly failed: number;
  readonly timedOut: number;
  /** Replies that came after their requester had stopped waiting, or for the second time. */
  readonly dropped: number;
  /** Replies of handlers here whose requester was gone. */
  readonly undeliverable: number;
}
