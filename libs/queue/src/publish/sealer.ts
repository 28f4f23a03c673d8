import type { Ambient } from '../ambient/ambient.js';
import { copyOf, type Body } from '../message/body.js';
import { checkEnvelopeHeaders, type CodecName } from '../message/codec.js';
import type { DomainEvent } from '../message/event.js';
import { checkHeaders, NO_HEADERS, withHeaders } from '../message/headers.js';
import { checkJson, SerializeError } from '../message/json.js';
import { checkId, checkName, checkText } from '../message/names.js';
import type { Outgoing } from '../message/outgoing.js';
import { checkPriority } from '../message/priority.js';
import { currentHandling } from '../interceptors/current.js';
import { InvalidDurationError, parseDuration, type Duration } from '../policies/duration.js';
import { checkExtensions } from './extensions.js';
import { dedupOf } from './dedup-options.js';
import type { PublishOptions, RawPublishOptions } from './publish-options.js';
import { sealAs, SealedMessage, type Routing } from './sealed-message.js';

const NO_OPTIONS: PublishOptions = Object.freeze({});
const MAX_KNOWN_TOPICS = 10_000;

export interface SealerOptions {
  /** Who publishes: a URI reference. */
  readonly source: string;
  readonly ambient: Ambient;
  /** In ms, by topic: messages of these are stored once unless their publish says otherwise. */
  readonly dedupWindows?: ReadonlyMap<string, number> | undefined;
  /** Default `native`. */
  readonly codec?: CodecName | undefined;
}

export interface Marked {
  readonly options: PublishOptions;
  /** Headers whose names are reserved for the library. */
  readonly marks: Readonly<Record<string, string>>;
  /** See Outgoing. */
  readonly to?: string | undefined;
}

/** Turns what an application publishes into a sealed message, or throws before anything was sent. */
export class Sealer {
  /** How a message without options travels, by topic: checked and built once. */
  readonly #plain = new Map<string, Routing>();
  #timestamp = '';
  #timestampMs = -1;

  constructor(private readonly options: SealerOptions) {
    checkText('the source', options.source);
  }

  seal(topic: string, data: unknown, given: PublishOptions = NO_OPTIONS): Outgoing {
    const plain = this.#plain.get(topic) ?? this.#newTopic(topic);
    const routing = given === NO_OPTIONS ? plain : this.#routing(plain, given);
    if (!(data instanceof Uint8Array)) checkJson(data);
    const event = this.#event(topic, data, given);
    const { codec = 'native' } = this.options;
    if (codec !== 'native') return sealAs(codec, event, routing);
    if (routing.headers !== NO_HEADERS) checkEnvelopeHeaders(codec, routing.headers);
    return new SealedMessage(event, routing);
  }

  /** With headers of the library's own. */
  sealMarked(topic: string, data: unknown, { options, marks, to }: Marked): SealedMessage {
    // Topics of replies are many, and each is used for a while only: they are not remembered.
    const plain = this.#plain.get(topic) ?? this.#plainRouting(topic);
    const routing = this.#routing(plain, options);
    if (!(data instanceof Uint8Array)) checkJson(data);
    const headers = withHeaders(routing.headers, marks);
    return new SealedMessage(this.#event(topic, data, options), { ...routing, to, headers });
  }

  /** Bytes as they are, without an envelope. */
  sealRaw(topic: string, body: Body, given: RawPublishOptions): Outgoing {
    const plain = this.#plain.get(topic) ?? this.#newTopic(topic);
    const { ids, clock } = this.options.ambient;
    const id = given.id === undefined ? ids.next(clock.now()) : checkId('the message id', given.id);
    return { ...this.#routing(plain, given), to: undefined, id, body: ownBody(body), event: undefined };
  }

  #event(topic: string, data: unknown, given: PublishOptions): DomainEvent {
    const cause = currentHandling()?.event;
    const { ids, clock } = this.options.ambient;
    const nowMs = clock.now();
    const id = given.id === undefined ? ids.next(nowMs) : checkId('the message id', given.id);
    const event: DomainEvent = {
      event_type: text('the type', given.type) ?? topic,
      aggregate_id: text('the aggregateId', given.aggregateId) ?? given.key,
      data,
      event_id: id,
      source: this.options.source,
      timestamp: given.timestamp === undefined ? this.#stamp(nowMs) : isoDate(given.timestamp),
      schema_version: text('the schemaVersion', given.schemaVersion) ?? '1',
      correlation_id: text('the correlationId', given.correlationId) ?? cause?.correlation_id ?? id,
      idempotency_key: text('the idempotencyKey', given.idempotencyKey) ?? id,
      causation_id: text('the causationId', given.causationId) ?? cause?.event_id,
      tenant: text('the tenant', given.tenant) ?? cause?.tenant,
      traceparent: text('the traceparent', given.traceparent) ?? cause?.traceparent,
    };
    return given.extensions === undefined
      ? event
      : { ...event, extensions: checkExtensions(given.extensions) };
  }

  #routing({ topic, dedup }: Routing, given: PublishOptions): Routing {
    return {
      topic,
      to: undefined,
      key: text('the key', given.key),
      headers: checkHeaders(given.headers),
      delayMs: given.delay === undefined ? undefined : this.#delay(given.delay),
      ttlMs: given.ttl === undefined ? undefined : parseDuration('ttl', given.ttl),
      priority: given.priority === undefined ? undefined : checkPriority(given.priority),
      dedup: dedupOf(given, dedup),
    };
  }

  #delay(given: Duration | Date): number {
    if (!(given instanceof Date)) return parseDuration('delay', given);
    const dueMs = given.getTime();
    if (Number.isNaN(dueMs)) throw new InvalidDurationError('delay', 'an invalid Date');
    return parseDuration('delay', Math.max(0, dueMs - this.options.ambient.clock.now()));
  }

  /** Within one millisecond the text is the same one. */
  #stamp(nowMs: number): string {
    if (nowMs !== this.#timestampMs) {
      this.#timestampMs = nowMs;
      this.#timestamp = new Date(nowMs).toISOString();
    }
    return this.#timestamp;
  }

  #newTopic(topic: string): Routing {
    const routing = this.#plainRouting(topic);
    if (this.#plain.size < MAX_KNOWN_TOPICS) this.#plain.set(topic, routing);
    return routing;
  }

  #plainRouting(topic: string): Routing {
    checkName('topic', topic);
    const windowMs = this.options.dedupWindows?.get(topic);
    return {
      topic,
      to: undefined,
      key: undefined,
      headers: NO_HEADERS,
      delayMs: undefined,
      ttlMs: undefined,
      priority: undefined,
      dedup: windowMs === undefined ? undefined : Object.freeze({ id: undefined, windowMs }),
    };
  }
}

function text(what: string, given: unknown): string | undefined {
  return given === undefined ? undefined : checkText(what, given);
}

/**
 * Bytes of its own, because the publisher may go on writing into theirs; a text with half a surrogate pair has no bytes
 * at all. Throws SerializeError.
 */
export function ownBody(body: unknown): Body {
  if (body instanceof Uint8Array) return copyOf(body);
  if (typeof body === 'string' && body.isWellFormed()) return body;
  throw new SerializeError('$', 'is neither well-formed text nor bytes, which is all that can be sent raw');
}

function isoDate(given: Date): string {
  if (!(given instanceof Date) || Number.isNaN(given.getTime()))
    throw new SerializeError('timestamp', 'is no valid Date');
  return given.toISOString();
}
