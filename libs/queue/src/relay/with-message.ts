import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

/** The same message but for what is `changed`. A body that does not exist yet stays unread until somebody asks. */
export function withMessage(message: Outgoing, changed: Partial<Outgoing>): Outgoing {
  if (changed.body !== undefined) return { ...message, body: changed.body, event: undefined, ...changed };
  return {
    ...message,
    get body() {
      return message.body;
    },
    ...changed,
  } as Outgoing;
}

/** A delivery as it would be published again at `nowMs`: at once, to all subscriptions of its topic. */
export function messageOf(delivery: Delivery, nowMs: number): Outgoing {
  const { topic, id, key, headers, priority, expiresAt, event } = delivery;
  return {
    topic,
    to: undefined,
    id,
    key,
    get body() {
      return delivery.body;
    },
    headers,
    delayMs: undefined,
    ttlMs: expiresAt === undefined ? undefined : expiresAt - nowMs,
    priority,
    event,
  };
}
