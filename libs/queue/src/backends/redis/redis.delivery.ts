import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import { readRecord } from './redis.wire.js';

const NO_FAILURES: readonly FailureRecord[] = Object.freeze([]);
/** Characters of the number of a message. */
export const NUMBER_LENGTH = 13;
/** Characters of a token, which is a holder's for the deliveries of one claim. */
export const TOKEN_LENGTH = 10;
export const CLAIM_LENGTH = TOKEN_LENGTH + NUMBER_LENGTH;
const LEVEL = 100_000_000_000_000;
const HIGHEST_PRIORITY = 9;

/** What the deliveries of one claim have in common. */
export interface ClaimedBy {
  readonly subscription: string;
  readonly leaseMs: number;
  readonly token: string;
}

/** A claimed message. `ref` is its number. */
export class RedisDelivery implements Delivery {
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
  /** Its token and number, as it stands among what is in flight: the fence, since no other holder has both. */
  readonly claim: string;
  /** What our own settlements have come to. */
  fate: 'held' | 'settling' | 'settled' = 'held';
  /** Ends when the settlement that is on its way has its answer. */
  settling: Promise<unknown> | undefined;

  constructor(name: ClaimedName, parts: { record: Buffer; history: Buffer | undefined }, by: ClaimedBy) {
    const { id, topic, key, headers, body, publishedAt } = readRecord(parts.record);
    this.id = id;
    this.ref = name.ref;
    this.topic = topic;
    this.subscription = by.subscription;
    this.key = key;
    this.body = body;
    this.headers = headers;
    this.publishedAt = publishedAt;
    this.attempt = name.deliveries - name.releases;
    this.crashes = this.attempt - 1 - name.failures;
    this.failures = readFailures(parts.history);
    this.priority = name.priority;
    this.expiresAt = name.expiresAt;
    this.leaseMs = by.leaseMs;
    this.claim = by.token + name.ref;
  }
}

/** Which copy it is, and what has happened to it so far. */
export interface ClaimedName {
  readonly ref: string;
  /** This one included. */
  readonly deliveries: number;
  readonly failures: number;
  readonly releases: number;
  readonly priority: number | undefined;
  readonly expiresAt: number | undefined;
}

/** What a script of claims names a copy by. */
export function readName(text: string): ClaimedName {
  if (text.length === NUMBER_LENGTH) return firstClaim(text);
  const [, deliveries = 0, failures = 0, releases = 0, score = 0, expiresAt = 0] = text
    .split(' ')
    .map(Number);
  return {
    ref: text.slice(0, NUMBER_LENGTH),
    deliveries,
    failures,
    releases,
    priority: priorityOf(score) || undefined,
    expiresAt: expiresAt || undefined,
  };
}

function firstClaim(ref: string): ClaimedName {
  return { ref, deliveries: 1, failures: 0, releases: 0, priority: undefined, expiresAt: undefined };
}

/** The level of a score, see redis.lines.lua.ts. */
export function priorityOf(score: number): number {
  return HIGHEST_PRIORITY - Math.floor(score / LEVEL);
}

export function readFailures(history: Buffer | null | undefined): readonly FailureRecord[] {
  return history ? (JSON.parse(history.toString('utf8')) as FailureRecord[]) : NO_FAILURES;
}
