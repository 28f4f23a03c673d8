import type { DatabaseSync } from 'node:sqlite';
import type { Outgoing } from '../../message/outgoing.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

/** Expired entries that each new one removes at most: more than it adds, so they never pile up. */
const SWEEP = 2;

const SQL = {
  knows: `SELECT 1 FROM dedup WHERE topic = ? AND id = ? AND expires_at > ?`,
  remember: `INSERT OR REPLACE INTO dedup (topic, id, expires_at) VALUES (?, ?, ?)`,
  sweep: `
    DELETE FROM dedup WHERE (topic, id) IN (
      SELECT topic, id FROM dedup WHERE expires_at <= ? ORDER BY expires_at LIMIT ${SWEEP})`,
  forget: `DELETE FROM dedup WHERE topic = ? AND id = ?`,
};

/**
 * The messages of late that asked to be stored once, shared by all processes. Everything here belongs inside the
 * transaction that stores the message. Times are ms since the epoch.
 */
export class SqliteDedup {
  readonly #sql: Statements<typeof SQL>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, SQL);
  }

  knows({ topic, id, dedup }: Outgoing, now: number): boolean {
    return this.#sql.knows.get(topic, dedup?.id ?? id, now) !== undefined;
  }

  remember({ topic, id, dedup }: Outgoing, now: number): void {
    this.#sql.sweep.run(now);
    this.#sql.remember.run(topic, dedup?.id ?? id, now + Math.ceil(dedup?.windowMs ?? 0));
  }

  forget(topic: string, id: string): void {
    this.#sql.forget.run(topic, id);
  }
}
