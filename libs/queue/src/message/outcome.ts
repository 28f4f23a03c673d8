import type { FailureReason, FailureRecord } from './failure-record.js';

/** What becomes of a delivery. `failed` is an answer on its way: the retry station turns it into one of the others. */
export type Outcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'release'; readonly delayMs?: number }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failure: FailureRecord }
  | { readonly kind: 'dead'; readonly failure: FailureRecord }
  | { readonly kind: 'lost' }
  | Failed;

export interface Failed {
  readonly kind: 'failed';
  readonly error: unknown;
  readonly reason: FailureReason;
  /** No later attempt can succeed: dead-letter at once. */
  readonly permanent: boolean;
}

export const ACK: Outcome = Object.freeze({ kind: 'ack' });
export const RELEASE: Outcome = Object.freeze({ kind: 'release' });
export const LOST: Outcome = Object.freeze({ kind: 'lost' });

export function failed(error: unknown, reason: FailureReason = 'handler_error', permanent = false): Failed {
  return { kind: 'failed', error, reason, permanent };
}
