import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { prepareAll, type Statements } from './sqlite.statements.js';

const SQL = {
  declare: `INSERT INTO ephemeral (subscription_id, expires_after, expires_at) VALUES (?1, ?2, ?2 + ?3)`,
  expiry: `SELECT expires_after FROM ephemeral WHERE subscription_id = ?`,
  expired: `SELECT subscription_id FROM ephemeral WHERE expires_at <= ?`,
  renew: `UPDATE ephemeral SET expires_at = expires_after + ? WHERE subscription_id = ?`,
};

/** Every table that knows a subscription, the one with its name last. */
const REMOVE = [
  `DELETE FROM messages WHERE subscription_id = ?`,
  `DELETE FROM dead WHERE subscription_id = ?`,
  `DELETE FROM bindings WHERE subscription_id = ?`,
  `DELETE FROM bounds WHERE subscription_id = ?`,
  `DELETE FROM ephemeral WHERE subscription_id = ?`,
  `DELETE FROM subscriptions WHERE id = ?`,
];

/** Subscriptions that go by themselves. All but `expiresAfterMs` belongs inside a transaction; `now` is ms since the epoch. */
export class SqliteEphemeral {
  readonly #sql: Statements<typeof SQL>;
  readonly #remove: readonly StatementSync[];

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, SQL);
    this.#remove = REMOVE.map((text) => db.prepare(text));
  }

  /** For one that was created just now. */
  declare(id: number, expiresAfterMs: number, now: number): void {
    this.#sql.declare.run(id, Math.ceil(expiresAfterMs), now);
  }

  /** undefined: it is durable, or gone. */
  expiresAfterMs(id: number): number | undefined {
    return this.#sql.expiry.get(id)?.['expires_after'] as number | undefined;
  }

  /** Somebody still asks for its messages. False: it is gone. */
  renew(id: number, now: number): boolean {
    return this.#sql.renew.run(now, id).changes === 1;
  }

  /** Removes what nobody has asked for long enough. False when there was nothing. */
  sweep(now: number): boolean {
    const expired = this.#sql.expired.all(now).map((row) => row['subscription_id'] as number);
    for (const id of expired) this.remove(id);
    return expired.length > 0;
  }

  /** The subscription and all that is in it. */
  remove(id: number): void {
    for (const statement of this.#remove) statement.run(id);
  }
}
