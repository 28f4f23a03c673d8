import type { Failed } from '../message/outcome.js';
import { DEFAULT_BACKOFF, safeBackoffMs, type Backoff } from './backoff.js';
import { Reject, RetryAfter } from './verdicts.js';

// oxlint-disable-next-line typescript/no-explicit-any -- what `instanceof` takes: any constructor
export type ErrorClass = abstract new (...args: any[]) => Error;

export interface RetryPolicy {
  /** Handler runs in sum, the first included. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** Errors that no later attempt can mend. */
  readonly never: readonly ErrorClass[];
  /** When given, only these errors are retried. */
  readonly only: readonly ErrorClass[] | undefined;
}

/** Finite, with growing waits: a message nobody can handle ends as a dead letter, not as a loop. */
export const DEFAULT_RETRY: RetryPolicy = Object.freeze({
  attempts: 5,
  backoff: DEFAULT_BACKOFF,
  never: [],
  only: undefined,
});

/** The first attempt is the last one. */
export const NO_RETRY: RetryPolicy = Object.freeze({ ...DEFAULT_RETRY, attempts: 1 });

export type RetryDecision = { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'dead' };

/** What follows from a failed attempt. `random` is a number in [0, 1). */
export function decideRetry(
  policy: RetryPolicy,
  failure: Failed,
  attempt: number,
  random: number,
): RetryDecision {
  if (failure.permanent || attempt >= policy.attempts || isHopeless(policy, failure.error))
    return { kind: 'dead' };
  if (failure.error instanceof RetryAfter) return { kind: 'retry', delayMs: failure.error.delayMs };
  return { kind: 'retry', delayMs: safeBackoffMs(policy.backoff, attempt, random) };
}

function isHopeless(policy: RetryPolicy, error: unknown): boolean {
  if (error instanceof Reject || policy.never.some((type) => error instanceof type)) return true;
  if (error instanceof RetryAfter || policy.only === undefined) return false;
  return !policy.only.some((type) => error instanceof type);
}
