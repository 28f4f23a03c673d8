/** How messages are gathered for a handler that takes many at once. */
export interface BatchPolicy {
  /** Most messages in one batch. */
  readonly size: number;
  /** The first message of a batch waits no longer than this for the others, in ms. */
  readonly withinMs: number;
  /** Most bytes of bodies in one batch; a larger message is alone. undefined: no limit. */
  readonly bytes: number | undefined;
  /** `key`: all messages of a batch have the same key. */
  readonly by: 'key' | undefined;
}

/** Messages that may be at work at once, over all running batches. */
export const MOST_SLOTS = 10_000;
