import type { Body } from '../message/body.js';
import type { Dedup } from '../message/dedup.js';
import { checkEnvelopeHeaders, type CloudEventsCodec, encodeCloudEvent } from '../message/codec.js';
import { encodeEvent } from '../message/envelope.js';
import type { DomainEvent } from '../message/event.js';
import { type Headers, NO_HEADERS, withHeaders } from '../message/headers.js';
import { SerializeError } from '../message/json.js';
import type { Outgoing } from '../message/outgoing.js';

export interface Routing {
  readonly topic: string;
  /** See Outgoing. */
  readonly to: string | undefined;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly delayMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly priority: number | undefined;
  readonly dedup: Dedup | undefined;
}

/**
 * An event on its way out. A payload that could still be changed by its owner is encoded here and now; a text, number
 * or boolean cannot be, so it is encoded when somebody asks for the bytes, which in one process nobody does.
 */
export class SealedMessage implements Outgoing {
  readonly to: string | undefined;
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly delayMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly priority: number | undefined;
  readonly dedup: Dedup | undefined;
  readonly event: DomainEvent | undefined;
  #body: Body | undefined;
  readonly #sealed: DomainEvent;

  constructor(event: DomainEvent, routing: Routing) {
    this.id = event.event_id;
    this.topic = routing.topic;
    this.to = routing.to;
    this.key = routing.key;
    this.headers = routing.headers;
    this.delayMs = routing.delayMs;
    this.ttlMs = routing.ttlMs;
    this.priority = routing.priority;
    this.dedup = routing.dedup;
    this.#sealed = event;
    const mutable = typeof event.data === 'object' && event.data !== null;
    // Frozen, because every subscription and every attempt gets this same object.
    this.event = mutable ? undefined : Object.freeze(event);
    this.#body = mutable ? encodeNow(event) : undefined;
  }

  get body(): Body {
    return (this.#body ??= encodeEvent(this.#sealed));
  }
}

/** An event in a form that others read too. Encoded at once: what the receiver gets is what was written. */
export function sealAs(codec: CloudEventsCodec, event: DomainEvent, routing: Routing): Outgoing {
  checkEnvelopeHeaders(codec, routing.headers);
  const { body, headers } = encodeCloudEvent(codec, event, routing.key);
  return {
    ...routing,
    id: event.event_id,
    to: undefined,
    body,
    headers: routing.headers === NO_HEADERS ? headers : withHeaders(routing.headers, headers),
    event: undefined,
  };
}

/** The payload was checked, and may be another one when it is read again. */
function encodeNow(event: DomainEvent): Body {
  try {
    return encodeEvent(event);
  } catch (cause) {
    throw new SerializeError('$', 'changes while it is read', { cause });
  }
}
