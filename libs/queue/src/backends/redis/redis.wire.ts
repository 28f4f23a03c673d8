import type { Body } from '../../message/body.js';
import { emptyHeaders, type Headers, NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';

/** What a script takes as an argument. */
export type Argument = string | number | Uint8Array;

const LINE_END = '\n'.charCodeAt(0);
const TEXT = 't';
const BYTES = 'b';

/** A message as it lies in Redis. */
export interface StoredMessage {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly body: Body;
  /** By the clock of the server, ms since the epoch. */
  readonly publishedAt: number;
}

/**
 * The record of a message without its time, which the server puts before it: kind of body and id, topic, and either nothing or
 * a JSON array of the key and of names and values of headers, each with a line break after it; then the body. A body that is
 * text stays text, so that nothing is encoded twice.
 */
export function recordOf({
  id,
  topic,
  key,
  headers,
  body,
}: Omit<StoredMessage, 'publishedAt'>): string | Buffer {
  const extras = key === undefined && headers === NO_HEADERS ? '' : extrasOf(key, headers);
  if (typeof body === 'string') return `${TEXT}${id}\n${topic}\n${extras}\n${body}`;
  return Buffer.concat([Buffer.from(`${BYTES}${id}\n${topic}\n${extras}\n`), body]);
}

export function recordOfOutgoing(message: Outgoing): string | Buffer {
  return recordOf(message as Omit<StoredMessage, 'publishedAt'>);
}

/**
 * As a script gives it back: `<published at>;` and the record. What lies before the body is decoded at once, and the body apart from it:
 * who keeps an id must not keep the body with it.
 */
export function readRecord(record: Buffer): StoredMessage {
  const topicAt = record.indexOf(LINE_END) + 1;
  const extrasAt = record.indexOf(LINE_END, topicAt) + 1;
  const bodyAt = record.indexOf(LINE_END, extrasAt) + 1;
  const head = record.toString('utf8', 0, bodyAt);
  const kindAt = head.indexOf(';') + 1;
  const idEnd = head.indexOf('\n', kindAt);
  const topicEnd = head.indexOf('\n', idEnd + 1);
  const [key, headers] = bodyAt === extrasAt + 1 ? NO_EXTRAS : readExtras(head.slice(topicEnd + 1, -1));
  return {
    id: head.slice(kindAt + 1, idEnd),
    topic: head.slice(idEnd + 1, topicEnd),
    key,
    headers,
    body: bodyOf(record, head[kindAt] === TEXT, bodyAt),
    publishedAt: Number(head.slice(0, kindAt - 1)),
  };
}

type Extras = readonly [key: string | undefined, headers: Headers];
const NO_EXTRAS: Extras = [undefined, NO_HEADERS];

/** Bytes are copied: what the driver reads into is shared by many messages. */
function bodyOf(record: Buffer, isText: boolean, start: number): Body {
  return isText ? record.toString('utf8', start) : new Uint8Array(record.subarray(start));
}

function extrasOf(key: string | undefined, headers: Headers): string {
  const fields: (string | null)[] = [key ?? null];
  for (const name of Object.keys(headers)) fields.push(name, headers[name] as string);
  return fields.length === 1 && key === undefined ? '' : JSON.stringify(fields);
}

function readExtras(text: string): Extras {
  const fields = JSON.parse(text) as (string | null)[];
  const key = fields[0] ?? undefined;
  if (fields.length === 1) return [key, NO_HEADERS];
  const headers = emptyHeaders();
  for (let at = 1; at < fields.length; at += 2) headers[fields[at] as string] = fields[at + 1] as string;
  return [key, headers];
}
