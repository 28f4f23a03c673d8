import type { DatabaseSync } from 'node:sqlite';
import type { CancelTimer, Clock } from '../../ambient/clock.js';

const FIRST_PAUSE_MS = 1;

/**
 * Notices when a caller's transaction is over, which SQLite tells nobody: looks at the end of the turn, which is soon
 * enough for a transaction without an await, and then after growing pauses.
 */
export class CommitWatch {
  readonly #clock: Clock;
  readonly #longestPauseMs: number;
  readonly #over: () => void;
  /** What ends the next look at each connection. */
  readonly #watched = new Map<DatabaseSync, CancelTimer>();

  /** `over` is called after every commit, and after a roll-back, where it is for nothing. */
  constructor(clock: Clock, longestPauseMs: number, over: () => void) {
    this.#clock = clock;
    this.#longestPauseMs = longestPauseMs;
    this.#over = over;
  }

  watch(db: DatabaseSync): void {
    if (this.#watched.has(db)) return;
    const turn = setImmediate(() => this.#look(db, FIRST_PAUSE_MS));
    this.#watched.set(db, () => clearImmediate(turn));
  }

  close(): void {
    for (const cancel of this.#watched.values()) cancel();
    this.#watched.clear();
  }

  #look(db: DatabaseSync, pauseMs: number): void {
    if (db.isOpen && db.isTransaction) {
      const nextMs = Math.min(2 * pauseMs, this.#longestPauseMs);
      this.#watched.set(
        db,
        this.#clock.timer(pauseMs, () => this.#look(db, nextMs)),
      );
      return;
    }
    this.#watched.delete(db);
    this.#over();
  }
}
