import type { Message, Options } from 'amqplib';
import type { Body } from '../../message/body.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { emptyHeaders, type Headers, NO_HEADERS } from '../../message/headers.js';
import { parseJson } from '../../message/json.js';
import type { Outgoing } from '../../message/outgoing.js';

/** Headers of the wire itself: the colon keeps them apart from any header of an application. */
export const WIRE = Object.freeze({
  /** When it was published, ms since the epoch. */
  publishedAt: 'pp:at',
  key: 'pp:key',
  /** Where the routing key is not the topic. */
  topic: 'pp:topic',
  /** After which it is never handed out, ms since the epoch. */
  expiresAt: 'pp:until',
  /** Attempts that failed. */
  failed: 'pp:failed',
  /** Crashes before this copy was made; the broker counts those since. */
  crashes: 'pp:crashes',
  /** How many of the bytes are the body; after them come the failure records, as JSON. */
  bodyBytes: 'pp:body',
  /** Names one copy over all its lives: two publishes with one id are two messages. */
  ref: 'pp:ref',
  diedAt: 'pp:died',
  escaped: 'pp:h:',
  /** Begins them all. */
  own: 'pp:',
});

const TEXT = 'utf-8';
/** RabbitMQ routes by these, or writes them itself. */
const TAKEN = /^(?:x-|cc$|bcc$)/i;
const NO_BYTES = Buffer.alloc(0);

type Table = Record<string, string | number>;

/** A message ready to be written. */
export interface Frame {
  readonly content: Buffer;
  readonly options: Options.Publish & { readonly headers: Table };
}

/** What a copy remembers of the lives before it. */
export interface Past {
  readonly failed: number;
  readonly crashes: number;
  readonly failures: readonly FailureRecord[];
}

/** A message of an application on its way out. */
export function frameOf(message: Outgoing, nowMs: number, ref: string): Frame {
  const { body, headers, key, topic, to, ttlMs } = message;
  const table: Table = { [WIRE.publishedAt]: nowMs, [WIRE.ref]: ref };
  if (key !== undefined) table[WIRE.key] = key;
  if (to !== undefined) table[WIRE.topic] = topic;
  if (ttlMs !== undefined) table[WIRE.expiresAt] = nowMs + ttlMs;
  for (const name in headers) table[wireName(name)] = headers[name] as string;
  const isText = typeof body === 'string';
  return {
    content: isText ? Buffer.from(body, 'utf8') : viewOf(body),
    options: optionsOf(message.id, isText, table),
  };
}

/** The same message once more, with what has happened to it since. `extra` are headers of the wire. */
export function copyOf(raw: Message, id: string, past: Past, extra: Table): Frame {
  const table: Table = {};
  const { headers, contentEncoding } = raw.properties;
  for (const [name, value] of Object.entries(headers ?? {})) if (isKept(name)) table[name] = value as string;
  if (past.failed > 0) table[WIRE.failed] = past.failed;
  if (past.crashes > 0) table[WIRE.crashes] = past.crashes;
  const body = bodyBytesOf(raw);
  const trailer = trailerOf(past.failures);
  if (trailer.length > 0) table[WIRE.bodyBytes] = body.length;
  return {
    content: trailer.length > 0 ? Buffer.concat([body, trailer]) : body,
    options: optionsOf(id, contentEncoding === TEXT, Object.assign(table, extra)),
  };
}

function optionsOf(messageId: string, isText: boolean, headers: Table): Frame['options'] {
  return {
    messageId,
    headers,
    persistent: true,
    mandatory: true,
    ...(isText && { contentEncoding: TEXT }),
  };
}

/** Bytes of the body alone. */
export function bodyBytesOf({ content, properties }: Message): Buffer {
  const bytes = numberIn(properties.headers, WIRE.bodyBytes);
  return bytes === undefined ? content : content.subarray(0, bytes);
}

/** What a handler gets: bytes of its own, since it may write into them and the copy for a retry is made of ours. */
export function bodyOf(raw: Message): Body {
  const bytes = bodyBytesOf(raw);
  return raw.properties.contentEncoding === TEXT ? bytes.toString('utf8') : new Uint8Array(bytes);
}

export function failuresOf({ content, properties }: Message): readonly FailureRecord[] {
  const bytes = numberIn(properties.headers, WIRE.bodyBytes);
  if (bytes === undefined) return [];
  return parseJson(content.toString('utf8', bytes)) as readonly FailureRecord[];
}

function trailerOf(failures: readonly FailureRecord[]): Buffer {
  return failures.length === 0
    ? NO_BYTES
    : Buffer.from(JSON.stringify(failures.slice(-MAX_FAILURE_HISTORY)), 'utf8');
}

/** Without those of the wire and of the broker. Values that are no text are written as one. */
export function headersOf({ properties }: Message): Headers {
  const table = properties.headers;
  let found: Record<string, string> | undefined;
  for (const wire in table) {
    const name = headerName(wire);
    if (name === undefined) continue;
    const text = textOf(table[wire]);
    if (text !== undefined) (found ??= emptyHeaders())[name] = text;
  }
  return found === undefined ? NO_HEADERS : Object.freeze(found);
}

/** How a header of an application is called on the wire. */
export function wireName(name: string): string {
  return TAKEN.test(name) ? WIRE.escaped + name : name;
}

/** The header of an application; undefined: it is of the wire or of the broker. */
export function headerName(wire: string): string | undefined {
  if (wire.startsWith(WIRE.escaped)) return wire.slice(WIRE.escaped.length);
  return wire.startsWith(WIRE.own) || TAKEN.test(wire) ? undefined : wire;
}

export function numberIn(table: unknown, name: string): number | undefined {
  const value = (table as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === 'number' ? value : undefined;
}

export function textIn(table: unknown, name: string): string | undefined {
  const value = (table as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}

const KEPT: ReadonlySet<string> = new Set([WIRE.publishedAt, WIRE.ref, WIRE.key, WIRE.topic, WIRE.expiresAt]);

/** Whether it belongs to the message itself, and not to what has happened to one copy of it. */
export function isKept(name: string): boolean {
  return KEPT.has(name) || headerName(name) !== undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
