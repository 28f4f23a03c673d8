import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { SqliteDedup } from './sqlite.dedup.js';
import { FREE, HELD } from './sqlite.schema.js';
import type { SqliteTopology } from './sqlite.topology.js';

/** Looks only at what is not ready: a message that was handed out, or waits for another attempt, is not planned any more. */
const CANCEL = `
  DELETE FROM messages
  WHERE subscription_id = :subscriptionId AND available_at > :now AND id = :id AND ready_at > :now AND deliveries = 0
    AND token = ${FREE}
  RETURNING topic, CASE WHEN in_order IS NOT NULL AND available_at <> ${HELD} THEN key END AS turn`;

/** Takes back what was published for later. Belongs inside a transaction; times are ms since the epoch. */
export class SqliteCancel {
  readonly #cancel: StatementSync;
  readonly #dedup: SqliteDedup;
  readonly #topology: SqliteTopology;

  constructor(db: DatabaseSync, topology: SqliteTopology) {
    this.#cancel = db.prepare(CANCEL);
    this.#dedup = new SqliteDedup(db);
    this.#topology = topology;
  }

  /** Answers how many copies are gone. The id can be published again, windows or not. */
  run(id: string, now: number): number {
    let count = 0;
    const topics = new Set<string>();
    for (const { id: subscriptionId } of this.#topology.subscriptions()) {
      const removed = this.#cancel.all({ subscriptionId, id, now });
      for (const { topic, turn } of removed) {
        topics.add(topic as string);
        if (typeof turn === 'string') this.#topology.keyOrder.next({ subscriptionId, key: turn }, now);
      }
      count += removed.length;
    }
    for (const topic of this.#topology.log.cancel(id, now)) topics.add(topic);
    for (const topic of topics) this.#dedup.forget(topic, id);
    return count;
  }
}
