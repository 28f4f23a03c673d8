import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ACTIVITY_SCHEMA } from '../../../demo-contract/src/index.js';

/** What the projection keeps of one delivery. */
export interface Activity {
  /** The delivery's GUID: unique per event at GitHub, the same on every redelivery. */
  readonly id: string;
  readonly event: string;
  readonly repository: string;
  readonly action: string | undefined;
  readonly sender: string | undefined;
}

/**
 * Counts deliveries per repository and event, each exactly once however often it comes: the note that a delivery
 * was applied and the counter it moves are one transaction, so a crash leaves both or neither.
 */
export class ActivityProjection {
  readonly #db: DatabaseSync;
  readonly #note: StatementSync;
  readonly #count: StatementSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: 5_000 });
    this.#db.exec('PRAGMA journal_mode = WAL');
    this.#db.exec(ACTIVITY_SCHEMA);
    this.#note = this.#db.prepare(`
      INSERT INTO deliveries (id, event, repository, action, sender, applied_at, seen)
      VALUES (:id, :event, :repository, :action, :sender, :at, 1)
      ON CONFLICT (id) DO UPDATE SET seen = seen + 1
      RETURNING seen
    `);
    this.#count = this.#db.prepare(`
      INSERT INTO activity (repository, event, count, newest_at) VALUES (:repository, :event, 1, :at)
      ON CONFLICT (repository, event) DO UPDATE SET count = count + 1, newest_at = :at
    `);
  }

  /** `at` is ms since the epoch. */
  apply(activity: Activity, at: number): 'applied' | 'seen before' {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const outcome = this.#applyOnce(activity, at);
      this.#db.exec('COMMIT');
      return outcome;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  #applyOnce(activity: Activity, at: number): 'applied' | 'seen before' {
    const { id, event, repository, action = null, sender = null } = activity;
    const noted = this.#note.get({ id, event, repository, action, sender, at });
    if (noted?.['seen'] !== 1) return 'seen before';
    this.#count.run({ repository, event, at });
    return 'applied';
  }
}
