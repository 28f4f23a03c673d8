import type { Body } from './body.js';
import type { DomainEvent } from './event.js';
import type { FailureRecord } from './failure-record.js';
import type { Headers } from './headers.js';

/** One hand-over of one message to one consumer. */
export interface Delivery {
  /** Message id; for a message that came without one, derived from where the broker keeps it. */
  readonly id: string;
  /** Names this copy on this broker, the same over all its deliveries; undefined where the broker has no such name. */
  readonly ref: string | undefined;
  readonly topic: string;
  readonly subscription: string;
  readonly key: string | undefined;
  readonly body: Body;
  readonly headers: Headers;
  /** When it was published, ms since the epoch. */
  readonly publishedAt: number;
  /** 1-based: earlier failures and crashes, plus this one. Releases do not count. */
  readonly attempt: number;
  /** Earlier deliveries that ended without any settlement: their process died, or their lease ran out. */
  readonly crashes: number;
  /** Earlier failed attempts, oldest first, at most MAX_FAILURE_HISTORY. */
  readonly failures: readonly FailureRecord[];
  /** As it was published; undefined is 0. */
  readonly priority?: number | undefined;
  /** Wall clock, ms since the epoch: what its time to live ends at; undefined: never. */
  readonly expiresAt?: number | undefined;
  /** How long the lease of this delivery is, from the moment it was received. */
  readonly leaseMs: number;
  /** The event, when the backend shares memory with the publisher and the payload cannot be changed by anyone. */
  readonly event?: DomainEvent | undefined;
}

/** One that differs; a backend's own may have its fields on a prototype, where a spread does not see them. */
export function changedDelivery(delivery: Delivery, changes: Partial<Delivery>): Delivery {
  const { id, ref, topic, subscription, key, body, headers } = delivery;
  const { publishedAt, attempt, crashes, failures, priority, expiresAt, leaseMs, event } = delivery;
  const copy: { readonly [Field in keyof Required<Delivery>]: Delivery[Field] } = {
    id,
    ref,
    topic,
    subscription,
    key,
    body,
    headers,
    publishedAt,
    attempt,
    crashes,
    failures,
    priority,
    expiresAt,
    leaseMs,
    event,
  };
  return { ...copy, ...changes };
}
