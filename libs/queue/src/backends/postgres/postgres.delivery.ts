import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { emptyHeaders, type Headers, NO_HEADERS } from '../../message/headers.js';
import type { Row } from './postgres.session.js';

const NO_FAILURES: readonly FailureRecord[] = Object.freeze([]);

/** The body as text, or in base64 where it is none. */
export const BODY = `CASE WHEN is_text THEN convert_from(body, 'UTF8') ELSE encode(body, 'base64') END`;

/** Columns of a claim, in the order PostgresDelivery reads them, before the body. `deliveries` counts this one. */
export const CLAIM_COLUMNS = [
  'seq',
  'deliveries',
  'failures',
  'releases',
  'published_at',
  'id',
  'topic',
  'key',
  'headers',
  'history',
  'is_text',
  'line',
  'priority',
  'extract(epoch FROM expires_at) * 1000',
] as const;

/** What all deliveries of one claim have. */
export interface Lease {
  readonly subscription: string;
  readonly leaseMs: number;
  /** Drawn for this claim alone, and written into its rows: the fence of every settlement. */
  readonly token: number;
}

/** A claimed row. */
export class PostgresDelivery implements Delivery {
  readonly id: string;
  readonly ref: string;
  readonly topic: string;
  readonly subscription: string;
  readonly key: string | undefined;
  readonly body: Body;
  readonly headers: Headers;
  readonly publishedAt: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly failures: readonly FailureRecord[];
  readonly priority: number | undefined;
  readonly expiresAt: number | undefined;
  readonly leaseMs: number;
  readonly token: number;
  /** It has the turn of its key. */
  readonly inOrder: boolean;
  /** One of our own settlements ended it. */
  settled = false;

  constructor(row: Row, { subscription, leaseMs, token }: Lease) {
    const deliveries = Number(row[1]);
    this.ref = row[0] as string;
    this.token = token;
    this.subscription = subscription;
    this.leaseMs = leaseMs;
    this.publishedAt = Number(row[4]);
    this.id = row[5] as string;
    this.topic = row[6] as string;
    this.key = row[7] ?? undefined;
    this.headers = decodeHeaders(row[8]);
    this.failures = decodeHistory(row[9]);
    this.body = decodeBody(row[10], row[14]);
    this.inOrder = row[11] !== null;
    this.priority = numberOf(row[12]);
    this.expiresAt = numberOf(row[13]);
    this.attempt = deliveries - Number(row[3]);
    this.crashes = this.attempt - 1 - Number(row[2]);
  }
}

/** Names and values in turn, as JSON; undefined when there are none. */
export function encodeHeaders(headers: Headers): string | undefined {
  if (headers === NO_HEADERS) return undefined;
  const pairs: string[] = [];
  for (const name of Object.keys(headers)) pairs.push(name, headers[name] as string);
  return pairs.length === 0 ? undefined : JSON.stringify(pairs);
}

export function decodeHeaders(column: string | null | undefined): Headers {
  if (column === null || column === undefined) return NO_HEADERS;
  const pairs = JSON.parse(column) as string[];
  const headers = emptyHeaders();
  for (let at = 0; at < pairs.length; at += 2) headers[pairs[at] as string] = pairs[at + 1] as string;
  return headers;
}

export function decodeHistory(column: string | null | undefined): readonly FailureRecord[] {
  return column === null || column === undefined ? NO_FAILURES : (JSON.parse(column) as FailureRecord[]);
}

export function decodeBody(isText: string | null | undefined, body: string | null | undefined): Body {
  return isText === 't' ? (body ?? '') : new Uint8Array(Buffer.from(body ?? '', 'base64'));
}

/** Of a column that may be empty. */
export function numberOf(column: string | null | undefined): number | undefined {
  return column === null || column === undefined ? undefined : Number(column);
}

/** The failures of a message with one more, as its row keeps them. */
export function withFailure(failures: readonly FailureRecord[], failure: FailureRecord): string {
  return JSON.stringify([...failures, failure].slice(-MAX_FAILURE_HISTORY));
}
