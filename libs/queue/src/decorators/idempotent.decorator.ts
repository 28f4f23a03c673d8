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
}

/** Handles every intent once per subscription, as long as it is remembered. Needs a backend with a store. */
export function Idempotent(options: IdempotentOptions = {}): MethodDecorator {
  return describesHandler((before) => ({ ...before, idempotent: { ...options } }));
}
