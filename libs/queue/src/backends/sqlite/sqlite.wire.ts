import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Settlement } from '../../backend/backend.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { PRIORITY_LEVELS } from '../../message/priority.js';
import {
  CLAIM_COLUMNS,
  type ClaimBy,
  type ClaimRow,
  encodeHeaders,
  SqliteDelivery,
} from './sqlite.delivery.js';
import type { SqliteKeyOrder } from './sqlite.key-order.js';
import { FREE, HELD } from './sqlite.schema.js';

/** Expired messages that one claim removes at most. */
const SWEEP = 500;

/** True while the delivery's lease is the last one of its row, and runs. */
const FENCE = 'seq = :seq AND token = :token AND deliveries = :deliveries AND available_at > :now';

const SQL = {
  insert: `
    INSERT INTO messages (seq, subscription_id, available_at, token, ready_at, deliveries, failures, releases, published_at,
      expires_at, id, topic, key, headers, history, body, priority, in_order)
    VALUES (?, ?, ?, ${FREE}, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)`,
  insertPlain: `
    INSERT INTO messages (seq, subscription_id, available_at, token, ready_at, deliveries, failures, releases, published_at,
      id, topic, body)
    VALUES (?1, ?2, ?3, ${FREE}, ?3, 0, 0, 0, ?3, ?4, ?5, ?6)`,
  next: `SELECT available_at FROM messages WHERE subscription_id = ? ORDER BY available_at LIMIT 1`,
  sweep: `
    DELETE FROM messages WHERE seq IN (
      SELECT seq FROM messages
      WHERE subscription_id = ?1 AND expires_at <= ?2 AND (available_at <= ?2 OR token = ${FREE}) LIMIT ${SWEEP})
    RETURNING CASE WHEN in_order IS NOT NULL AND available_at <> ${HELD} THEN key END`,
  ready: `
    SELECT ${CLAIM_COLUMNS} FROM messages
    WHERE subscription_id = ? AND available_at <= ? ORDER BY available_at, seq LIMIT ?`,
  nextLevel: `
    SELECT priority FROM messages WHERE subscription_id = ? AND priority < ? ORDER BY priority DESC LIMIT 1`,
  readyAtLevel: `
    SELECT ${CLAIM_COLUMNS} FROM messages
    WHERE subscription_id = ? AND priority = ? AND available_at <= ? ORDER BY available_at, seq LIMIT ?`,
  lease: `UPDATE messages SET token = ?, deliveries = deliveries + 1, available_at = ? WHERE seq = ?`,
  ack: `DELETE FROM messages WHERE seq = ? AND token = ? AND deliveries = ? AND available_at > ?`,
  release: `
    UPDATE messages SET token = ${FREE}, releases = releases + 1, available_at = MAX(ready_at, :notBefore)
    WHERE ${FENCE}`,
  retry: `
    UPDATE messages SET token = ${FREE}, failures = failures + 1, available_at = :readyAt, ready_at = :readyAt,
      history = :history
    WHERE ${FENCE}`,
  extend: `UPDATE messages SET available_at = :leaseEnd WHERE ${FENCE}`,
  bury: `
    INSERT INTO dead (seq, subscription_id, dead_at, attempts, crashes, published_at, id, topic, key, headers, history, body,
      priority)
    SELECT seq, subscription_id, :now, deliveries - releases, deliveries - 1 - failures - releases, published_at, id, topic,
      key, headers, :history, body, priority
    FROM messages WHERE ${FENCE}`,
};

/** A message is claimed for `leaseMs` from `now`. */
export interface Claim extends ClaimBy {
  readonly subscriptionId: number;
  readonly max: number;
  readonly now: number;
}

type Fence = {
  readonly seq: number;
  readonly token: number;
  readonly deliveries: number;
  readonly now: number;
};

/** The messages table. Everything but `nextAvailable` belongs inside a transaction. Times are ms since the epoch. */
export class SqliteMessages {
  readonly #sql: Readonly<Record<keyof typeof SQL, StatementSync>>;

  readonly #keyOrder: SqliteKeyOrder;

  constructor(db: DatabaseSync, keyOrder: SqliteKeyOrder) {
    this.#keyOrder = keyOrder;
    const prepare = (text: string): StatementSync => db.prepare(text);
    this.#sql = {
      insert: prepare(SQL.insert),
      insertPlain: prepare(SQL.insertPlain),
      next: prepare(SQL.next),
      sweep: db.prepare(SQL.sweep, { returnArrays: true }),
      ready: db.prepare(SQL.ready, { returnArrays: true }),
      nextLevel: prepare(SQL.nextLevel),
      readyAtLevel: db.prepare(SQL.readyAtLevel, { returnArrays: true }),
      lease: prepare(SQL.lease),
      ack: prepare(SQL.ack),
      release: prepare(SQL.release),
      retry: prepare(SQL.retry),
      extend: prepare(SQL.extend),
      bury: prepare(SQL.bury),
    };
  }

  insert(
    message: Outgoing,
    at: { readonly seq: number; readonly subscriptionId: number; readonly now: number },
    order?: 'turn' | 'held',
  ): void {
    const { now } = at;
    const { id, topic, body, delayMs, ttlMs } = message;
    if (isPlain(message)) {
      this.#sql.insertPlain.run(at.seq, at.subscriptionId, now, id, topic, body);
      return;
    }
    const readyAt = delayMs === undefined ? now : after(now, delayMs);
    this.#sql.insert.run(
      at.seq,
      at.subscriptionId,
      order === 'held' ? HELD : readyAt,
      readyAt,
      now,
      ttlMs === undefined ? null : after(now, ttlMs),
      id,
      topic,
      message.key ?? null,
      encodeHeaders(message.headers),
      body,
      message.priority || null,
      order === undefined ? null : 1,
    );
  }

  /** When the first message of the subscription is, or was, ready; undefined when it has none. */
  nextAvailable(subscriptionId: number): number | undefined {
    return this.#sql.next.get(subscriptionId)?.['available_at'] as number | undefined;
  }

  /**
   * Takes what is ready, by priority, oldest first. Nothing also when many expired messages had to go first: then ask
   * again.
   */
  claim(claim: Claim): SqliteDelivery[] {
    const { subscriptionId, now, max } = claim;
    if (this.sweep(subscriptionId, now) === SWEEP) return [];
    const taken: SqliteDelivery[] = [];
    this.#takeUrgent(claim, taken);
    // What is urgent and ready is leased by now, so that only the lowest level is left.
    if (taken.length < max) {
      this.#lease(this.#sql.ready.all(subscriptionId, now, max - taken.length), claim, taken);
    }
    return taken;
  }

  /** Removes some of what has expired; answers how many. */
  sweep(subscriptionId: number, now: number): number {
    const expired = this.#sql.sweep.all(subscriptionId, now) as readonly unknown[];
    for (const [key] of expired as readonly [string | null][]) {
      if (key !== null) this.#keyOrder.next({ subscriptionId, key }, now);
    }
    return expired.length;
  }

  /** Level by level, highest first. Without any such message it is one look into an empty index. */
  #takeUrgent(claim: Claim, taken: SqliteDelivery[]): void {
    const { subscriptionId, now, max } = claim;
    let level = PRIORITY_LEVELS;
    while (taken.length < max) {
      const next = this.#sql.nextLevel.get(subscriptionId, level);
      if (next === undefined) return;
      level = next['priority'] as number;
      const rows = this.#sql.readyAtLevel.all(subscriptionId, level, now, max - taken.length);
      this.#lease(rows, claim, taken);
    }
  }

  #lease(rows: readonly unknown[], claim: Claim, taken: SqliteDelivery[]): void {
    const leaseEnd = after(claim.now, claim.leaseMs);
    for (const row of rows as readonly ClaimRow[]) {
      this.#sql.lease.run(claim.token, leaseEnd, row[0] as number);
      taken.push(new SqliteDelivery(row, claim));
    }
  }

  /** False, and nothing changed, when the delivery no longer holds its lease. */
  settle(act: Settlement, delivery: SqliteDelivery, now: number): boolean {
    const { seq, token, deliveries } = delivery;
    if (act.kind === 'ack') return this.#sql.ack.run(seq, token, deliveries, now).changes === 1;
    const fence: Fence = { seq, token, deliveries, now };
    switch (act.kind) {
      case 'release':
        return (
          this.#sql.release.run({ ...fence, notBefore: act.delayMs ? after(now, act.delayMs) : 0 })
            .changes === 1
        );
      case 'retry':
        return (
          this.#sql.retry.run({
            ...fence,
            readyAt: after(now, act.delayMs),
            history: extended(delivery, act.failure),
          }).changes === 1
        );
      case 'extend':
        return this.#sql.extend.run({ ...fence, leaseEnd: after(now, act.leaseMs) }).changes === 1;
      case 'dead':
        return this.#bury(fence, extended(delivery, act.failure));
    }
  }

  #bury(fence: Fence, history: string): boolean {
    if (this.#sql.bury.run({ ...fence, history }).changes !== 1) return false;
    this.#sql.ack.run(fence.seq, fence.token, fence.deliveries, fence.now);
    return true;
  }
}

/** Nothing but an id, a topic and a body, as most messages are: half as much to hand over to SQLite. */
function isPlain({ key, headers, delayMs, ttlMs, priority }: Outgoing): boolean {
  return (
    key === undefined &&
    headers === NO_HEADERS &&
    delayMs === undefined &&
    ttlMs === undefined &&
    priority === undefined
  );
}

/** Whole milliseconds, never early; what should have been in the past is now. */
function after(now: number, delayMs: number): number {
  return now + Math.max(0, Math.ceil(delayMs));
}

function extended(delivery: SqliteDelivery, failure: FailureRecord): string {
  return JSON.stringify([...delivery.failures, failure].slice(-MAX_FAILURE_HISTORY));
}
