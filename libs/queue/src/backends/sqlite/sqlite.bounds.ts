import type { DatabaseSync } from 'node:sqlite';
import { type Bounds, sameBounds, type WhenFull } from '../../backend/bounds.js';
import { FREE } from './sqlite.schema.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

const SQL = {
  all: `SELECT subscription_id, max_messages, when_full FROM bounds`,
  find: `SELECT max_messages, when_full FROM bounds WHERE subscription_id = ?`,
  put: `
    INSERT INTO bounds (subscription_id, max_messages, when_full, room, dropped) VALUES (?, ?, ?, 0, 0)
    ON CONFLICT (subscription_id) DO UPDATE
      SET max_messages = excluded.max_messages, when_full = excluded.when_full, room = 0`,
  removeMessage: `DELETE FROM messages WHERE seq = ? RETURNING CASE WHEN in_order IS NOT NULL THEN key END AS key`,
  remove: `DELETE FROM bounds WHERE subscription_id = ?`,
  room: `SELECT room FROM bounds WHERE subscription_id = ?`,
  saveRoom: `UPDATE bounds SET room = ? WHERE subscription_id = ?`,
  drop: `UPDATE bounds SET dropped = dropped + 1 WHERE subscription_id = ?`,
  dropped: `SELECT dropped FROM bounds WHERE subscription_id = ?`,
  // Both read nothing but an index, except for the rows that have expired.
  held: `SELECT count(*) AS held FROM messages WHERE subscription_id = ?`,
  expired: `
    SELECT count(*) AS expired FROM messages
    WHERE subscription_id = ?1 AND expires_at <= ?2 AND (available_at <= ?2 OR token = ${FREE})`,
  oldestReady: `
    SELECT seq FROM messages
    WHERE subscription_id = ?1 AND available_at <= ?2 AND (expires_at IS NULL OR expires_at > ?2)
    ORDER BY available_at, seq LIMIT 1`,
};

/**
 * The bounds of subscriptions. What each is sure to have room for is kept in a number that publishes lower and nothing
 * raises: acknowledgements know nothing of it. When it is used up the messages are counted anew, so that the bound is
 * exact and only publishers to subscriptions with bounds pay for it. Belongs inside transactions, but for `dropped`.
 */
export class SqliteBounds {
  readonly #sql: Statements<typeof SQL>;
  #known: ReadonlyMap<number, Bounds> | undefined;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, SQL);
  }

  /** Another process may have changed them. */
  forget(): void {
    this.#known = undefined;
  }

  get all(): ReadonlyMap<number, Bounds> {
    this.#known ??= new Map(
      this.#sql.all.all().map((row) => [row['subscription_id'] as number, boundsOf(row)]),
    );
    return this.#known;
  }

  /** As they are now, whatever is known. */
  find(subscriptionId: number): Bounds | undefined {
    const row = this.#sql.find.get(subscriptionId);
    return row === undefined ? undefined : boundsOf(row);
  }

  /** False when they are so already. */
  declare(subscriptionId: number, bounds: Bounds | false): boolean {
    if (sameBounds(this.find(subscriptionId), bounds === false ? undefined : bounds)) return false;
    if (bounds === false) this.#sql.remove.run(subscriptionId);
    else this.#sql.put.run(subscriptionId, bounds.maxMessages, JSON.stringify(bounds.whenFull));
    return true;
  }

  /** What is sure to fit; 0 or less when that is not known. */
  sureRoom(subscriptionId: number): number {
    return (this.#sql.room.get(subscriptionId)?.['room'] as number | undefined) ?? 0;
  }

  saveRoom(subscriptionId: number, room: number): void {
    this.#sql.saveRoom.run(room, subscriptionId);
  }

  /** Messages that it holds now, expired ones aside. */
  count(subscriptionId: number, now: number): number {
    const held = this.#sql.held.get(subscriptionId)?.['held'] as number;
    return held - (this.#sql.expired.get(subscriptionId, now)?.['expired'] as number);
  }

  oldestReady(subscriptionId: number, now: number): number | undefined {
    return this.#sql.oldestReady.get(subscriptionId, now)?.['seq'] as number | undefined;
  }

  /** The key whose turn it had, if it had one. */
  removeMessage(seq: number): string | undefined {
    return (this.#sql.removeMessage.get(seq)?.['key'] as string | null | undefined) ?? undefined;
  }

  countDropped(subscriptionId: number): void {
    this.#sql.drop.run(subscriptionId);
  }

  /** Messages that its bounds have cost it; undefined: it has none. */
  dropped(subscriptionId: number): number | undefined {
    return this.#sql.dropped.get(subscriptionId)?.['dropped'] as number | undefined;
  }
}

function boundsOf(row: Readonly<Record<string, unknown>>): Bounds {
  const whenFull = JSON.parse(row['when_full'] as string) as WhenFull;
  return { maxMessages: row['max_messages'] as number, whenFull };
}
