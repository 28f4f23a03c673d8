import { QueueError } from '../message/queue-error.js';
import type { HandlerInput, MessageContext } from './message-context.js';

/** A message was to be failed that is not in the batch. */
export class NotInBatchError extends QueueError {
  readonly code = 'not_in_batch';
}

/**
 * Several messages that are handled in one run. A handler that returns accepts them all but those that it failed; one
 * that throws accepts none. Each is settled for itself: retried, released or dead by its own attempts.
 */
export class BatchContext implements HandlerInput {
  /** The payloads, in the order of `items`. */
  readonly data: readonly unknown[];
  readonly event = undefined;
  #failures: Map<MessageContext, unknown> | undefined;
  #signal: AbortSignal | undefined;

  constructor(
    /** The messages, in the order in which they came. */
    readonly items: readonly MessageContext[],
  ) {
    this.data = items.map(({ data }) => data);
  }

  /** Aborts when the signal of one of the messages does: at a timeout and a shutdown, that is when all of them do. */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any(this.items.map(({ signal }) => signal));
    return this.#signal;
  }

  /**
   * Only this message has failed, with what its own handler would have thrown: an error, or a Reject, RetryAfter or
   * Release. `at` is its place in the batch. The first error stays. Throws NotInBatchError.
   */
  fail(at: number, error: unknown): void {
    const item = this.items[at];
    if (item === undefined) {
      throw new NotInBatchError(`there is no message ${at} in a batch of ${this.items.length}`);
    }
    this.#failures ??= new Map();
    if (!this.#failures.has(item)) this.#failures.set(item, error);
  }

  /** Whether the message was failed, and with what. */
  failureOf(item: MessageContext): { readonly error: unknown } | undefined {
    return this.#failures?.has(item) === true ? { error: this.#failures.get(item) } : undefined;
  }
}
