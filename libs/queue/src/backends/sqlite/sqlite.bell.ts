import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { CancelTimer, Clock } from '../../ambient/clock.js';

/** Watching starts and stops cost more than a message, so a watch outlives the last listener by this much. */
const LINGER_MS = 1_000;
const RING = new Uint8Array([1]);

export interface BellSetup {
  /** The database; the bell is a file beside it. */
  readonly file: string;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly db: DatabaseSync;
}

/**
 * Wakes idle consumers when messages may have become ready: those of this process directly, those of others by a byte
 * written to a file that they watch. Where files cannot be watched, a look at the data version every `pollMs` does it.
 */
export class SqliteBell {
  readonly #setup: BellSetup;
  readonly #path: string;
  readonly #fd: number;
  readonly #dataVersion: StatementSync;
  readonly #listeners = new Set<() => void>();
  #marked = false;
  #seenVersion = 0;
  #watcher: FSWatcher | undefined;
  #cancelPoll: CancelTimer | undefined;
  #cancelLinger: CancelTimer | undefined;
  #closed = false;

  constructor(setup: BellSetup) {
    this.#setup = setup;
    this.#path = `${setup.file}-bell`;
    this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#dataVersion = setup.db.prepare('PRAGMA data_version');
  }

  /** Calls `wake` at every ring until the returned function is called. Look for messages after this, not before. */
  listen(wake: () => void): () => void {
    if (this.#listeners.size === 0) this.#arm();
    this.#listeners.add(wake);
    return () => {
      if (this.#listeners.delete(wake) && this.#listeners.size === 0) this.#stand();
    };
  }

  /** Inside a transaction: it is about to make messages ready. */
  mark(): void {
    this.#marked = true;
  }

  /** After the commit: rings if it was marked. */
  committed(): void {
    if (!this.#marked || this.#closed) return;
    this.#marked = false;
    this.ring();
  }

  /** Wakes everybody, here and elsewhere: messages may have become ready. */
  ring(): void {
    if (this.#closed) return;
    this.#tellOthers();
    this.#wakeAll();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#stand();
    this.#unwatch();
    closeSync(this.#fd);
  }

  #tellOthers(): void {
    try {
      writeSync(this.#fd, RING, 0, 1, 0);
    } catch {
      // A full disk: the message is committed, and the others find it at their next poll.
    }
  }

  #arm(): void {
    this.#cancelLinger?.();
    this.#watcher ??= this.#watch();
    this.#seenVersion = this.#readVersion();
    this.#pollLater();
  }

  #stand(): void {
    this.#cancelPoll?.();
    if (!this.#closed) this.#cancelLinger = this.#setup.clock.timer(LINGER_MS, () => this.#unwatch());
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#path, { persistent: false }, () => this.#look());
      return watcher.on('error', () => this.#unwatch());
    } catch {
      return undefined;
    }
  }

  #unwatch(): void {
    this.#cancelLinger?.();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #pollLater(): void {
    this.#cancelPoll = this.#setup.clock.timer(this.#setup.pollMs, () => {
      this.#pollLater();
      this.#look();
    });
  }

  /** Our own commits leave the data version alone, so our own rings end here. */
  #look(): void {
    if (this.#closed || this.#listeners.size === 0) return;
    const version = this.#readVersion();
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#wakeAll();
  }

  /** Changes when another connection has committed. While the database is locked for recovery: an unlikely number. */
  #readVersion(): number {
    try {
      return this.#dataVersion.get()?.['data_version'] as number;
    } catch {
      return -1;
    }
  }

  #wakeAll(): void {
    for (const wake of this.#listeners) wake();
  }
}
