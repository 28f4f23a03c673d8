import type { Settlement } from '../../backend/backend.js';
import type { MessageContext } from '../../interceptors/message-context.js';
import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import { decodeEvent } from '../../message/envelope.js';
import type { DomainEvent } from '../../message/event.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { applicationHeaders, type Headers } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';

/** What the spies tell of every message. */
export interface SpiedMessage<T> {
  readonly id: string;
  readonly topic: string;
  /** Name of the backend. */
  readonly backend: string;
  readonly key: string | undefined;
  /** Those of the application. */
  readonly headers: Headers;
  /** The payload; of a message without an envelope, its body. */
  readonly data: T;
  /** undefined where there is no envelope that can be read. */
  readonly event: DomainEvent<T> | undefined;
  /** When it happened, virtual wall clock in ms since the epoch. */
  readonly at: number;
}

export interface PublishedMessage<T> extends SpiedMessage<T> {
  /** Subscriptions that got a copy. */
  readonly copies: number | undefined;
  readonly delayMs: number | undefined;
}

export interface HandledMessage<T> extends SpiedMessage<T> {
  readonly subscription: string;
  /** 1-based. */
  readonly attempt: number;
}

export interface DeadLetteredMessage<T> extends HandledMessage<T> {
  /** Why it was given up. */
  readonly failure: FailureRecord;
  /** Every attempt that is on record, oldest first; the last one is `failure`. */
  readonly failures: readonly FailureRecord[];
}

/** Remembers what was published, handled and given up, in order. */
export class MessageSpy {
  #published: PublishedMessage<unknown>[] = [];
  #handled: HandledMessage<unknown>[] = [];
  #deadLettered: DeadLetteredMessage<unknown>[] = [];

  constructor(private readonly now: () => number) {}

  published(topic: string): readonly PublishedMessage<unknown>[] {
    return this.#published.filter((message) => message.topic === topic);
  }

  handled(subscription: string): readonly HandledMessage<unknown>[] {
    return this.#handled.filter((message) => message.subscription === subscription);
  }

  deadLettered(subscription: string): readonly DeadLetteredMessage<unknown>[] {
    return this.#deadLettered.filter((message) => message.subscription === subscription);
  }

  notePublished(message: Outgoing, backend: string, copies: number | undefined): void {
    this.#published.push({ ...this.#spied(message, backend), copies, delayMs: message.delayMs });
  }

  noteHandled(context: MessageContext): void {
    const { id, topic, backend, key, headers, data, event, subscription, attempt } = context;
    const at = this.now();
    this.#handled.push({ id, topic, backend, key, headers, data, event, at, subscription, attempt });
  }

  noteDead({ delivery, failure }: Settlement & { kind: 'dead' }, backend: string): void {
    const { subscription, attempt } = delivery;
    const failures = [...delivery.failures, failure];
    this.#deadLettered.push({ ...this.#spied(delivery, backend), subscription, attempt, failure, failures });
  }

  clear(): void {
    this.#published = [];
    this.#handled = [];
    this.#deadLettered = [];
  }

  #spied(message: Outgoing | Delivery, backend: string): SpiedMessage<unknown> {
    const { id, topic, key } = message;
    const event = message.event ?? readable(message.body);
    const data = event === undefined ? message.body : event.data;
    return {
      id,
      topic,
      backend,
      key,
      headers: applicationHeaders(message.headers),
      data,
      event,
      at: this.now(),
    };
  }
}

function readable(body: Body): DomainEvent | undefined {
  try {
    return decodeEvent(body);
  } catch {
    return undefined;
  }
}
