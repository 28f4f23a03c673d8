import type { Body } from '../../message/body.js';
import { type Headers, NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { SqlRow, SqlValue } from './sql-executor.js';

export const COLUMNS =
  'id, aggregatetype, aggregateid, type, payload, encoding, headers, options, created_at';

/** What a message asks for beyond its content. Moments are ms since the epoch by the publisher's clock. */
interface Asked {
  readonly to?: string | undefined;
  readonly notBefore?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly dedup?: Outgoing['dedup'];
}

/** In the order of COLUMNS. */
export function toRow(message: Outgoing, now: number): readonly SqlValue[] {
  const { id, topic, key, body, headers, event } = message;
  const [payload, encoding] = encodeBody(body);
  const asked = JSON.stringify(askedOf(message, now));
  return [
    id,
    topic,
    key ?? null,
    event?.event_type ?? topic,
    payload,
    encoding,
    headers === NO_HEADERS ? null : JSON.stringify(headers),
    asked === '{}' ? null : asked,
    now,
  ];
}

/** As it is to be published now; its delay and its time to live go on from when it was written. */
export function fromRow(row: SqlRow, now: number): Outgoing {
  const asked = JSON.parse(text(row['options']) ?? '{}') as Asked;
  return {
    id: String(row['id']),
    topic: String(row['aggregatetype']),
    key: text(row['aggregateid']),
    body: decodeBody(String(row['payload']), text(row['encoding'])),
    headers: decodeHeaders(text(row['headers'])),
    to: asked.to,
    delayMs: asked.notBefore === undefined ? undefined : Math.max(0, asked.notBefore - now),
    ttlMs: asked.expiresAt === undefined ? undefined : Math.max(0, asked.expiresAt - now),
    priority: asked.priority,
    dedup: asked.dedup,
    event: undefined,
  };
}

function askedOf({ to, delayMs, ttlMs, priority, dedup }: Outgoing, now: number): Asked {
  return {
    to,
    notBefore: delayMs === undefined ? undefined : now + delayMs,
    expiresAt: ttlMs === undefined ? undefined : now + ttlMs,
    priority,
    dedup,
  };
}

/** No database keeps a zero character in a text. */
function encodeBody(body: Body): readonly [payload: string, encoding: string | null] {
  if (typeof body === 'string' && !body.includes('\0')) return [body, null];
  const encoding = typeof body === 'string' ? 'base64-text' : 'base64';
  return [Buffer.from(body as string).toString('base64'), encoding];
}

function decodeBody(payload: string, encoding: string | undefined): Body {
  if (encoding === undefined) return payload;
  const bytes = Buffer.from(payload, 'base64');
  return encoding === 'base64' ? new Uint8Array(bytes) : bytes.toString();
}

function decodeHeaders(given: string | undefined): Headers {
  if (given === undefined) return NO_HEADERS;
  const found = JSON.parse(given) as Headers;
  return Object.freeze(Object.assign(Object.create(null) as Record<string, string>, found));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
