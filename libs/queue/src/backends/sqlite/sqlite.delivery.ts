import type { SQLOutputValue } from 'node:sqlite';
import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { emptyHeaders, type Headers, NO_HEADERS } from '../../message/headers.js';

const NO_FAILURES: readonly FailureRecord[] = Object.freeze([]);

/** Columns of a claim, in the order SqliteDelivery reads them. */
export const CLAIM_COLUMNS =
  'seq, deliveries, failures, releases, published_at, id, topic, key, headers, history, body, in_order, priority, expires_at';
export type ClaimRow = readonly SQLOutputValue[];

/** What the claim of one row is shared by: the subscription, and this holder's token. */
export interface ClaimBy {
  readonly subscription: string;
  readonly leaseMs: number;
  readonly token: number;
}

/** A claimed row. `seq`, `token` and `deliveries` together are the fence: no other holder has the same three. */
export class SqliteDelivery implements Delivery {
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
  readonly seq: number;
  readonly token: number;
  readonly deliveries: number;
  /** It has the turn of its key. */
  readonly inOrder: boolean;
  /** One of our own settlements ended it. */
  settled = false;

  constructor(row: ClaimRow, by: ClaimBy) {
    const releases = row[3] as number;
    this.seq = row[0] as number;
    this.ref = String(row[0]);
    this.token = by.token;
    this.deliveries = (row[1] as number) + 1;
    this.subscription = by.subscription;
    this.leaseMs = by.leaseMs;
    this.publishedAt = row[4] as number;
    this.id = row[5] as string;
    this.topic = row[6] as string;
    this.key = (row[7] as string | null) ?? undefined;
    this.headers = decodeHeaders(row[8]);
    this.failures = decodeHistory(row[9]);
    this.body = row[10] as Body;
    this.inOrder = row[11] !== null;
    this.priority = (row[12] as number | null) ?? undefined;
    this.expiresAt = (row[13] as number | null) ?? undefined;
    this.attempt = this.deliveries - releases;
    this.crashes = this.attempt - 1 - (row[2] as number);
  }
}

/** Names and values in turn, as JSON; null when there are none. */
export function encodeHeaders(headers: Headers): string | null {
  if (headers === NO_HEADERS) return null;
  const pairs: string[] = [];
  for (const name of Object.keys(headers)) pairs.push(name, headers[name] as string);
  return pairs.length === 0 ? null : JSON.stringify(pairs);
}

export function decodeHeaders(column: SQLOutputValue | undefined): Headers {
  if (typeof column !== 'string') return NO_HEADERS;
  const pairs = JSON.parse(column) as string[];
  const headers = emptyHeaders();
  for (let at = 0; at < pairs.length; at += 2) headers[pairs[at] as string] = pairs[at + 1] as string;
  return headers;
}

export function decodeHistory(column: SQLOutputValue | undefined): readonly FailureRecord[] {
  return typeof column === 'string' ? (JSON.parse(column) as FailureRecord[]) : NO_FAILURES;
}
