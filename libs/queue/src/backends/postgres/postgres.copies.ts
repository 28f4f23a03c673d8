import { toBytes } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { numberArray, textArray } from './postgres.arrays.js';
import { encodeHeaders } from './postgres.delivery.js';
import type { Value } from './postgres.session.js';
import type { KnownSubscription } from './postgres.topology.js';

const NOW = 'statement_timestamp()';

/** One row to be: a message for one subscription. */
export interface Copy {
  readonly message: Outgoing;
  readonly to: KnownSubscription;
}

/**
 * Inserts copies by one statement, if the topology is still the one by which they were made; otherwise none. Answers how
 * many. All bodies are one parameter, which the driver sends as it is, and of which each row takes its part.
 */
export const storeStatement = (s: string): string => `
  WITH stored AS (
    INSERT INTO ${s}.messages (body, subscription_id, available_at, ready_at, expires_at, published_at, priority, line,
      is_text, id, topic, key, headers)
    SELECT substring(whole.bytes FROM c.start FOR c.bytes), c.subscription_id,
      CASE WHEN c.line IS NULL THEN ${NOW} + COALESCE(c.delay_ms, 0) * interval '1 ms' ELSE 'infinity' END,
      ${NOW} + COALESCE(c.delay_ms, 0) * interval '1 ms', ${NOW} + c.ttl_ms * interval '1 ms',
      floor(extract(epoch FROM ${NOW}) * 1000), c.priority, c.line, c.is_text, c.id, c.topic, c.key, c.headers
    FROM (SELECT $1::bytea AS bytes) AS whole,
      unnest($2::integer[], $3::integer[], $4::integer[], $5::boolean[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::float8[], $11::float8[], $12::smallint[], $13::smallint[])
      AS c (subscription_id, start, bytes, is_text, id, topic, key, headers, delay_ms, ttl_ms, priority, line)
    WHERE (SELECT topology FROM ${s}.meta) = $14::bigint
    RETURNING 1)
  SELECT count(*)::text AS stored FROM stored`;

/** The same for copies of text messages of one topic that ask for nothing else, which most are. */
export const storePlainStatement = (s: string): string => `
  WITH stored AS (
    INSERT INTO ${s}.messages (body, published_at, available_at, ready_at, is_text, subscription_id, id, topic)
    SELECT substring(whole.bytes FROM c.start FOR c.bytes), floor(extract(epoch FROM ${NOW}) * 1000), ${NOW}, ${NOW}, true,
      c.subscription_id, c.id, whole.topic
    FROM (SELECT $1::bytea AS bytes, $2::text AS topic) AS whole,
      unnest($3::integer[], $4::integer[], $5::integer[], $6::text[]) AS c (subscription_id, start, bytes, id)
    WHERE (SELECT topology FROM ${s}.meta) = $7::bigint
    RETURNING 1)
  SELECT count(*)::text AS stored FROM stored`;

/** The parameters of the plain statement; undefined: some copy asks for more. */
export function plainValues(version: string, copies: readonly Copy[]): readonly Value[] | undefined {
  const topic = copies[0]?.message.topic ?? '';
  const columns: { ids: string[]; to: number[]; starts: number[]; sizes: number[] } = {
    ids: [],
    to: [],
    starts: [],
    sizes: [],
  };
  let whole = '';
  let length = 0;
  let last: Outgoing | undefined;
  for (const { message, to } of copies) {
    const { body } = message;
    if (message.topic !== topic || typeof body !== 'string' || !isPlain(message)) return undefined;
    const bytes = message === last ? (columns.sizes.at(-1) as number) : Buffer.byteLength(body);
    if (message !== last) {
      whole += body;
      length += bytes;
    }
    last = message;
    columns.ids.push(message.id);
    columns.to.push(to.id);
    columns.starts.push(length - bytes + 1);
    columns.sizes.push(bytes);
  }
  const all = Buffer.from(whole);
  // Two halves of a pair, each at the edge of its body, would have become one character; and a zero is not text.
  if (all.length !== length || whole.includes('\0')) return undefined;
  const { ids, to, starts, sizes } = columns;
  return [all, topic, numberArray(to), numberArray(starts), numberArray(sizes), textArray(ids), version];
}

function isPlain({ key, headers, delayMs, ttlMs, priority }: Outgoing): boolean {
  const hasNone = key === undefined && delayMs === undefined && ttlMs === undefined && !priority;
  return hasNone && encodeHeaders(headers) === undefined;
}

/** The parameters of the statement. A body that several copies share is sent once. */
export function storeValues(version: string, copies: readonly Copy[]): readonly Value[] {
  const bodies = new Bodies();
  const parts = copies.map(({ message }) => bodies.add(message));
  return [
    bodies.bytes(),
    numberArray(copies.map(({ to }) => to.id)),
    numberArray(parts.map(({ start }) => start)),
    numberArray(parts.map(({ bytes }) => bytes)),
    `{${parts.map(({ isText }) => isText).join(',')}}`,
    textArray(copies.map(({ message }) => message.id)),
    textArray(copies.map(({ message }) => message.topic)),
    textArray(copies.map(({ message }) => message.key)),
    textArray(copies.map(({ message }) => encodeHeaders(message.headers))),
    numberArray(copies.map(({ message }) => lasting(message.delayMs))),
    numberArray(copies.map(({ message }) => lasting(message.ttlMs))),
    numberArray(copies.map(({ message }) => message.priority || undefined)),
    numberArray(copies.map(({ message, to }) => (to.ordered && message.key !== undefined ? 0 : undefined))),
    version,
  ];
}

/** What should have been in the past is now. */
function lasting(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(0, ms);
}

export interface Part {
  /** 1-based, in bytes. */
  readonly start: number;
  readonly bytes: number;
  readonly isText: boolean;
}

/** All bodies of a statement, end to end. */
export class Bodies {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #last: { message: Outgoing; part: Part } | undefined;

  add(message: Outgoing): Part {
    if (this.#last?.message === message) return this.#last.part;
    const { body } = message;
    const bytes = toBytes(body);
    // PostgreSQL has no text with a zero in it.
    const isText = typeof body === 'string' && !body.includes('\0');
    const part = { start: this.#length + 1, bytes: bytes.length, isText };
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    this.#last = { message, part };
    return part;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks, this.#length);
  }
}
