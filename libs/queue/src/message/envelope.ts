import { readBase64, writeBase64 } from './base64.js';
import type { Body } from './body.js';
import { decodeBinary } from './cloudevents/binary.js';
import { type Attributes, InvalidCloudEventError } from './cloudevents/cloud-event.js';
import { checkAttribute } from './cloudevents/attributes.js';
import { toDomainEvent } from './cloudevents/domain-event.js';
import { decodeStructured, isStructured } from './cloudevents/structured.js';
import { wireFormOf } from './cloudevents/wire-form.js';
import type { Delivery } from './delivery.js';
import type { DomainEvent } from './event.js';
import { type Headers, NO_HEADERS } from './headers.js';
import { DecodeError, decodeText, parseJson } from './json.js';
import { isId, MAX_TEXT_LENGTH } from './names.js';
import { QueueError } from './queue-error.js';

/**
 * The native wire form: one JSON object, self-describing by its first member, so that it is the same on every
 * broker and readable without headers. `data` is the payload; a payload of bytes travels as `data_base64`.
 */
export const ENVELOPE_VERSION = 1;

/** Decodable JSON, but no event of ours. A handler that asks for raw messages would get it. */
export class NotAnEventError extends QueueError {
  readonly code = 'not_an_event';
}

/** `schema_version` of an event that carries none on the wire. */
const FIRST_VERSION = '1';

/**
 * The event as text. `data` must have been checked, and `event_id` and `timestamp` be of their own grammars, which
 * need no escaping. What equals the id is not said again, nor is the first schema version: most events have neither a
 * conversation behind them nor a past. Put together by hand, because this is half of what a publish computes.
 */
export function encodeEvent(event: DomainEvent): string {
  const { event_id: id, data } = event;
  const head = `{"envelope":${ENVELOPE_VERSION},"event_id":"${id}","event_type":${known(event.event_type)},"source":${known(event.source)},"timestamp":"${event.timestamp}"`;
  const rest =
    unless(FIRST_VERSION, 'schema_version', event.schema_version) +
    unless(id, 'correlation_id', event.correlation_id) +
    unless(id, 'idempotency_key', event.idempotency_key) +
    unless(undefined, 'aggregate_id', event.aggregate_id) +
    unless(undefined, 'causation_id', event.causation_id) +
    unless(undefined, 'tenant', event.tenant) +
    unless(undefined, 'traceparent', event.traceparent) +
    (event.extensions === undefined && event.content_type === undefined && event.data_schema === undefined
      ? ''
      : foreign(event));
  return data instanceof Uint8Array
    ? `${head}${rest},"data_base64":"${writeBase64(data)}"}`
    : `${head}${rest},"data":${JSON.stringify(data)}}`;
}

/** What only events of other senders have, and what a publisher adds for them. */
function foreign({ content_type: contentType, data_schema: schema, extensions }: DomainEvent): string {
  const bag = extensions === undefined ? '' : `,"extensions":${JSON.stringify(extensions)}`;
  return unless(undefined, 'content_type', contentType) + unless(undefined, 'data_schema', schema) + bag;
}

function unless(silent: string | undefined, field: string, value: string | undefined): string {
  return value === silent || value === undefined ? '' : `,"${field}":${JSON.stringify(value)}`;
}

const MAX_KNOWN = 1_000;
const knownTexts = new Map<string, string>();

/** As JSON. Types and sources are few and come again with every event. */
function known(text: string): string {
  const found = knownTexts.get(text);
  if (found !== undefined) return found;
  const encoded = JSON.stringify(text);
  if (knownTexts.size < MAX_KNOWN) knownTexts.set(text, encoded);
  return encoded;
}

/** What the event of a message is read from. */
export type Sealed = Pick<Delivery, 'body' | 'headers' | 'publishedAt' | 'event'>;

/** The event of a delivery. Throws DecodeError, InvalidCloudEventError or NotAnEventError. */
export function openEnvelope(delivery: Sealed): DomainEvent {
  return delivery.event ?? decodeEvent(delivery.body, delivery.headers, delivery.publishedAt);
}

/** By looking: at the headers, which only other senders use for this, then at the body. */
export function decodeEvent(body: Body, headers: Headers = NO_HEADERS, publishedAt = 0): DomainEvent {
  const said = headers === NO_HEADERS ? undefined : wireFormOf(headers);
  if (said?.mode === 'binary') return toDomainEvent(decodeBinary({ headers, body }, said.form), publishedAt);
  if (said?.mode === 'other') {
    throw new InvalidCloudEventError(
      `this build reads no ${said.mediaType.slice(0, 60)}, only single JSON events`,
    );
  }
  const wire = parseJson(decodeText(body));
  if (typeof wire === 'object' && wire !== null && Object.hasOwn(wire, 'envelope')) {
    return readEvent(wire as Record<string, unknown>);
  }
  if (said?.mode === 'structured' || isStructured(wire))
    return toDomainEvent(decodeStructured(wire), publishedAt);
  throw new NotAnEventError(
    'the message has no envelope of this library and is no CloudEvent: publish it through a Bus, or let the handler ask for raw messages',
  );
}

function readEvent(wire: Record<string, unknown>): DomainEvent {
  if (wire['envelope'] !== ENVELOPE_VERSION) {
    throw new DecodeError(
      `the envelope has version ${printed(wire['envelope'])}, this build reads ${ENVELOPE_VERSION}`,
    );
  }
  const id = wire['event_id'];
  if (!isId(id)) throw new DecodeError('the envelope has no valid event_id');
  const event: DomainEvent = {
    event_type: required(wire, 'event_type'),
    aggregate_id: optional(wire, 'aggregate_id'),
    data: readData(wire),
    event_id: id,
    source: required(wire, 'source'),
    timestamp: readTimestamp(wire),
    schema_version: defaulted(wire, 'schema_version', FIRST_VERSION),
    correlation_id: defaulted(wire, 'correlation_id', id),
    idempotency_key: defaulted(wire, 'idempotency_key', id),
    causation_id: optional(wire, 'causation_id'),
    tenant: optional(wire, 'tenant'),
    traceparent: optional(wire, 'traceparent'),
  };
  return wire['extensions'] === undefined &&
    wire['content_type'] === undefined &&
    wire['data_schema'] === undefined
    ? event
    : { ...event, ...readForeign(wire) };
}

function readForeign(wire: Record<string, unknown>): Partial<DomainEvent> {
  const { extensions } = wire;
  return {
    content_type: optional(wire, 'content_type'),
    data_schema: optional(wire, 'data_schema'),
    ...(extensions !== undefined && { extensions: readExtensions(extensions) }),
  };
}

function readExtensions(given: unknown): Attributes {
  if (typeof given !== 'object' || given === null)
    throw new DecodeError('extensions of the envelope are no object');
  const extensions = Object.assign(Object.create(null) as Record<string, string>, given);
  for (const name of Object.keys(extensions)) checkAttribute(name, extensions[name]);
  return Object.freeze(extensions);
}

function readData(wire: Record<string, unknown>): unknown {
  const encoded = wire['data_base64'];
  if (encoded === undefined) {
    if (!Object.hasOwn(wire, 'data')) throw new DecodeError('the envelope has no data');
    return wire['data'];
  }
  if (typeof encoded !== 'string') throw new DecodeError('data_base64 of the envelope is not a string');
  return readBase64('data_base64 of the envelope', encoded);
}

function readTimestamp(wire: Record<string, unknown>): string {
  const timestamp = required(wire, 'timestamp');
  if (!PLAIN_TIMESTAMP.test(timestamp) && Number.isNaN(Date.parse(timestamp)))
    throw new DecodeError('timestamp of the envelope is not a date');
  return timestamp;
}

/** As we write it. Any other form is left to the slower parser. */
const PLAIN_TIMESTAMP =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

function required(wire: Record<string, unknown>, field: string): string {
  const value = optional(wire, field);
  if (value !== undefined && value !== '') return value;
  throw new DecodeError(`${field} of the envelope is missing`);
}

function defaulted(wire: Record<string, unknown>, field: string, value: string): string {
  return wire[field] === undefined ? value : required(wire, field);
}

function optional(wire: Record<string, unknown>, field: string): string | undefined {
  const value = wire[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= MAX_TEXT_LENGTH) return value;
  throw new DecodeError(`${field} of the envelope is not a text of at most ${MAX_TEXT_LENGTH} characters`);
}

function printed(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 20) ?? typeof value;
}
