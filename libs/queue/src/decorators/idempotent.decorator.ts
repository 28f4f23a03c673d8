import type { DomainEvent } from '../message/event.js';
import type { Duration } from '../policies/duration.js';
import { describesHandler } from './handler-metadata.js';

export interface IdempotentOptions {
  /** How long a handled key is remembered. Default 3 days. */
  readonly ttl?: Duration;
  /** Names the intent. Default: the event's `idempotency_key`. */
  readonly key?: (event: DomainEvent) => string;
  /** How long a delivery waits while another one is handling its key. Default 1 s. */
  readonly busyDelay?: Duration;
  /**
   * Keeps what the handler returned as long as the key, so that a request that comes again gets the same answer. Plain JSON
   * only; anything else is reported, and later copies have no result. Default false.
   */
  readonly result?: boolean;
}

/** Handles every intent once per subscription, as long as it is remembered. Needs a backend with a store. */
export function Idempotent(options: IdempotentOptions = {}): MethodDecorator {
  return describesHandler((before) => ({ ...before, idempotent: { ...options } }));
}
