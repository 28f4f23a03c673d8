import { QueueError } from '../message/queue-error.js';

/** What a handler was told does not make sense by itself. The message names the handler, the option and the remedy. */
export class InvalidPolicyError extends QueueError {
  readonly code = 'invalid_policy';
}
