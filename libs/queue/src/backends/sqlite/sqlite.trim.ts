import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SqliteWriter } from './sqlite.writer.js';

/** Free pages kept in the file for the next burst (8 MiB), and how many of the rest are given back at a time. */
const SPARE_PAGES = 2_048;
const TRIM_PAGES = 512;

/** Gives the disk back what a burst took, in small steps while nothing else is to do. */
export class SqliteTrim {
  readonly #db: DatabaseSync;
  readonly #writer: SqliteWriter;
  readonly #freePages: StatementSync;

  constructor(db: DatabaseSync, writer: SqliteWriter) {
    this.#db = db;
    this.#writer = writer;
    this.#freePages = db.prepare('PRAGMA freelist_count');
  }

  /** One step, if one is worth while. A step that fails is tried again the next time. */
  run(): void {
    if (this.#spare() <= SPARE_PAGES) return;
    const step = (): void => this.#db.exec(`PRAGMA incremental_vacuum(${TRIM_PAGES})`);
    this.#writer.submit('give back free space', step).catch(() => undefined);
  }

  #spare(): number {
    try {
      return this.#freePages.get()?.['freelist_count'] as number;
    } catch {
      // Locked for a moment by a process that recovers the log.
      return 0;
    }
  }
}
