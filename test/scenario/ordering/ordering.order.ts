/** What a worker process is told when it starts. */
export interface OrderingOrder {
  /** The database. */
  readonly file: string;
  /** Where it notes every effect, one JSON object a line. */
  readonly log: string;
  /** Once this file exists, the message that fails for good succeeds. */
  readonly mended: string;
}

/** One effect of a handler. */
export interface Effect {
  readonly key: string;
  readonly number: number;
  readonly pid: number;
}

export const KEYS = 16;
export const MESSAGES_PER_KEY = 1_000;
/** Consumers in one process, each with a handler running at a time per slot. */
export const CONSUMERS = 3;
export const CONCURRENCY = 4;
/** What a killed process held comes back after it. */
export const LEASE_MS = 2_000;
/** The message that becomes a dead letter. */
export const POISON: Pick<Effect, 'key' | 'number'> = { key: 'key-3', number: 400 };

export const SUBSCRIPTION = {
  name: 'ledger',
  topics: ['account.changed'],
  order: { by: 'key', onRetry: 'block-key', onDead: 'hold' },
} as const;
