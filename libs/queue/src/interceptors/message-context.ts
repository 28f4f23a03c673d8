import type { Body } from '../message/body.js';
import type { DomainEvent } from '../message/event.js';
import type { Headers } from '../message/headers.js';

/** What a handler is called with, whatever it handles. */
export interface HandlerInput {
  /** The payload, or the payloads of a batch. */
  readonly data: unknown;
  /** undefined for raw messages, and for batches. */
  readonly event: DomainEvent | undefined;
}

/** What a handler can know about the message it is handling. */
export interface MessageContext extends HandlerInput {
  readonly id: string;
  readonly topic: string;
  readonly subscription: string;
  readonly backend: string;
  readonly key: string | undefined;
  readonly headers: Headers;
  /** As it came over the wire. */
  readonly body: Body;
  /** 1-based. */
  readonly attempt: number;
  /** Earlier deliveries whose process died or lost its lease. */
  readonly crashes: number;
  /** Wall clock, ms since the epoch. */
  readonly publishedAt: number;
  /** undefined only for a handler that asked for raw messages. */
  readonly event: DomainEvent | undefined;
  /** The payload; for a raw handler, the bytes. */
  readonly data: unknown;
  /** Aborts on timeout, on a lost lease and on shutdown; its reason is a QueueError that says which. */
  readonly signal: AbortSignal;
}
