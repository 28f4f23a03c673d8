import type { Body } from './body.js';
import type { Delivery } from './delivery.js';
import type { DomainEvent } from './event.js';
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
    unless(undefined, 'traceparent', event.traceparent);
  return data instanceof Uint8Array
    ? `${head}${rest},"data_base64":"${base64(data)}"}`
    : `${head}${rest},"data":${JSON.stringify(data)}}`;
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

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The event of a delivery. Throws DecodeError or NotAnEventError. */
export function openEnvelope(delivery: Delivery): DomainEvent {
  return delivery.event ?? decodeEvent(delivery.body);
}

export function decodeEvent(body: Body): DomainEvent {
  const wire = parseJson(decodeText(body));
  if (typeof wire !== 'object' || wire === null || !Object.hasOwn(wire, 'envelope')) {
    throw new NotAnEventError(
      'the message has no envelope of this library: publish it through a Bus, or let the handler ask for raw messages',
    );
  }
  return readEvent(wire as Record<string, unknown>);
}

function readEvent(wire: Record<string, unknown>): DomainEvent {
  if (wire['envelope'] !== ENVELOPE_VERSION) {
    throw new DecodeError(
      `the envelope has version ${printed(wire['envelope'])}, this build reads ${ENVELOPE_VERSION}`,
    );
  }
  const id = wire['event_id'];
  if (!isId(id)) throw new DecodeError('the envelope has no valid event_id');
  return {
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
}

function readData(wire: Record<string, unknown>): unknown {
  const encoded = wire['data_base64'];
  if (encoded === undefined) {
    if (!Object.hasOwn(wire, 'data')) throw new DecodeError('the envelope has no data');
    return wire['data'];
  }
  if (typeof encoded !== 'string') throw new DecodeError('data_base64 of the envelope is not a string');
  return readBase64(encoded);
}

/** Node skips what is not base64, which shows in the length. */
function readBase64(encoded: string): Uint8Array {
  const bytes = Buffer.from(encoded, 'base64');
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0;
  if (bytes.length !== (encoded.length / 4) * 3 - padding) {
    throw new DecodeError('data_base64 of the envelope is not base64');
  }
  return new Uint8Array(bytes);
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
