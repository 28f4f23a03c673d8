import { QueueError } from './queue-error.js';

/** Longest window in which a repeated publish can be recognised, in ms: 30 days. */
export const MAX_DEDUP_WINDOW_MS = 30 * 86_400_000;

/** Asks a backend to store a message of this id and topic once within the window, which begins when it is stored. */
export interface Dedup {
  /** What makes two publishes the same; undefined: the message id. */
  readonly id: string | undefined;
  readonly windowMs: number;
}

export class InvalidDedupError extends QueueError {
  readonly code = 'invalid_dedup';
}
