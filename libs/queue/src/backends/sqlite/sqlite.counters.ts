import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Numbers that only rise, shared by all processes. Everything here belongs inside a transaction. */
export class SqliteCounters {
  readonly #read: StatementSync;
  readonly #saveSeq: StatementSync;
  readonly #topologyChanged: StatementSync;
  readonly #takeVersions: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare('SELECT topology, seq FROM counters');
    this.#saveSeq = db.prepare('UPDATE counters SET seq = ?');
    this.#topologyChanged = db.prepare('UPDATE counters SET topology = topology + 1');
    this.#takeVersions = db.prepare('UPDATE counters SET store = store + ? RETURNING store');
  }

  /** `topology` changes with every change of subscriptions; `seq` is the last number given to a message. */
  read(): { readonly topology: number; readonly seq: number } {
    return this.#read.get() as unknown as { topology: number; seq: number };
  }

  /** Numbers are never given twice, so a reference to a message that is gone never names another one. */
  saveSeq(seq: number): void {
    this.#saveSeq.run(seq);
  }

  topologyChanged(): void {
    this.#topologyChanged.run();
  }

  /** Reserves `count` versions of the store and returns the one before the first of them. */
  takeVersions(count: number): number {
    return (this.#takeVersions.get(count)?.['store'] as number) - count;
  }
}
