import type { DomainEvent } from '../message/event.js';

/**
 * Handles an intent once per subscription, as long as it is remembered. What is left: an effect outside the
 * handler's own transaction repeats when the process dies, loses its lease or cannot reach the store between the effect
 * and the note of it.
 */
export interface IdempotencyPolicy {
  /** How long a handled key is remembered, in ms. Longer than the longest retry and replay. */
  readonly ttlMs: number;
  /** Names the intent; default: the event's idempotency_key. */
  readonly key: (event: DomainEvent) => string;
  /** How long a delivery waits when another one is handling the same key, in ms. */
  readonly busyDelayMs: number;
  /** What the handler returned is remembered with the key, and answers later copies. Plain JSON only. */
  readonly keepsResult: boolean;
}

export const DEFAULT_IDEMPOTENCY: IdempotencyPolicy = Object.freeze({
  ttlMs: 3 * 86_400_000,
  key: (event: DomainEvent) => event.idempotency_key,
  busyDelayMs: 1_000,
  keepsResult: false,
});
