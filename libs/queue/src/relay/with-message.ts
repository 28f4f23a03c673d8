import type { Body } from '../message/body.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

type Routing = Omit<Outgoing, 'body'>;

/** The same message but for what is `changed`. A body that does not exist yet stays unread until somebody asks. */
export function withMessage(message: Outgoing, changed: Partial<Outgoing>): Outgoing {
  const { topic, to, id, key, headers, delayMs, ttlMs, priority, dedup } = message;
  const { body } = changed;
  const event = body === undefined ? message.event : undefined;
  const routing = { topic, to, id, key, headers, delayMs, ttlMs, priority, dedup, event, ...changed };
  return new Derived(routing, body === undefined ? message : { body });
}

/** A delivery as it would be published again: at once, to all subscriptions of its topic. */
export function messageOf(delivery: Delivery): Outgoing {
  const { topic, id, key, headers, event } = delivery;
  const routing = { topic, to: undefined, id, key, headers, delayMs: undefined, ttlMs: undefined, event };
  return new Derived(routing, delivery);
}

/** Reads its body from where it came from. */
class Derived implements Outgoing {
  readonly topic: string;
  readonly to: string | undefined;
  readonly id: string;
  readonly key: string | undefined;
  readonly headers: Outgoing['headers'];
  readonly delayMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly priority: number | undefined;
  readonly dedup: Outgoing['dedup'];
  readonly event: Outgoing['event'];
  readonly #origin: { readonly body: Body };

  constructor(routing: Routing, origin: { readonly body: Body }) {
    this.topic = routing.topic;
    this.to = routing.to;
    this.id = routing.id;
    this.key = routing.key;
    this.headers = routing.headers;
    this.delayMs = routing.delayMs;
    this.ttlMs = routing.ttlMs;
    this.priority = routing.priority;
    this.dedup = routing.dedup;
    this.event = routing.event;
    this.#origin = origin;
  }

  get body(): Body {
    return this.#origin.body;
  }
}
