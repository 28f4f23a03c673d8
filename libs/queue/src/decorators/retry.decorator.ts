import type { Backoff } from '../policies/backoff.js';
import type { ErrorClass } from '../policies/retry.policy.js';
import { describesHandler } from './handler-metadata.js';

export interface RetryOptions {
  /** Handler runs in sum, the first included. Default 5. */
  readonly attempts?: number;
  /** Default `exponential('1s')`. */
  readonly backoff?: Backoff;
  /** Errors that no later attempt can mend: dead at once. */
  readonly never?: readonly ErrorClass[];
  /** When given, only these errors are retried. */
  readonly only?: readonly ErrorClass[];
}

/** What follows when the handler throws. */
export function Retry(options: RetryOptions): MethodDecorator {
  return describesHandler((before) => ({ ...before, retry: { ...options } }));
}
