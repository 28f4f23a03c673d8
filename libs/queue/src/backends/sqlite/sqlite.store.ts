import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Clock } from '../../ambient/clock.js';
import { BackendClosedError, UnsupportedError } from '../../backend/backend.errors.js';
import {
  type Conflict,
  type Page,
  type Store,
  type StoreEntry,
  type StoreOp,
  type WriteResult,
} from '../../store/store.js';
import { checkStoreKey } from '../../store/store-key.js';
import { whileBusy } from './sqlite.connection.js';
import { SqliteCounters } from './sqlite.counters.js';
import { unavailable } from './sqlite.errors.js';
import type { SqliteWriter } from './sqlite.writer.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

/** Expired entries that one write removes at most: more than it adds, so they never pile up. */
const SWEEP = 16;
/** After every character that a key can hold. */
const LAST_CHARACTER = '\u{10ffff}';

const ALIVE = '(expires_at IS NULL OR expires_at > :now)';

const SQL = {
  read: `SELECT key, value, version, expires_at FROM store WHERE key = :key AND ${ALIVE}`,
  scan: `
    SELECT key, value, version, expires_at FROM store
    WHERE key >= :prefix AND key < :end AND key > :after AND ${ALIVE} ORDER BY key LIMIT :limit`,
  put: `INSERT OR REPLACE INTO store (key, value, version, expires_at) VALUES (?, ?, ?, ?)`,
  remove: `DELETE FROM store WHERE key = ?`,
  sweep: `DELETE FROM store WHERE key IN (SELECT key FROM store WHERE expires_at <= ? LIMIT ${SWEEP})`,
};

export interface StoreParts {
  readonly db: DatabaseSync;
  readonly clock: Clock;
  readonly writer: SqliteWriter;
  readonly busyTimeoutMs: number;
}

/** The store in the same file; its writes share transactions with the messages. Times are ms since the epoch. */
export class SqliteStore implements Store {
  readonly #backend: string;
  readonly #parts: StoreParts;
  readonly #sql: Statements<typeof SQL>;
  readonly #counters: SqliteCounters;
  #closed = false;

  constructor(backend: string, parts: StoreParts) {
    this.#backend = backend;
    this.#parts = parts;
    this.#counters = new SqliteCounters(parts.db);
    this.#sql = prepareAll(parts.db, SQL);
  }

  read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    return this.#look('read the store', () => {
      const now = this.#parts.clock.now();
      return keys.map((key) => this.#find(key, now));
    });
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    this.#refuseWhenClosed('write to the store');
    if (options?.tx !== undefined) {
      throw new UnsupportedError(
        this.#backend,
        'write to the store in a transaction of yours',
        'write without tx',
      );
    }
    for (const { key } of ops) checkStoreKey(key);
    return this.#parts.writer.submit('write to the store', () => this.#write(ops));
  }

  scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    const bound = { prefix, end: prefix + LAST_CHARACTER, after: page.after ?? '', limit: page.limit };
    return this.#look('scan the store', () =>
      this.#sql.scan.all({ ...bound, now: this.#parts.clock.now() }).map(entryOf),
    );
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Conditions are all checked before the first change, so there is nothing to undo. */
  #write(ops: readonly StoreOp[]): WriteResult {
    const now = this.#parts.clock.now();
    const conflicts = ops.flatMap((op) => this.#conflict(op, now));
    if (conflicts.length > 0) return { ok: false, conflicts };
    this.#sql.sweep.run(now);
    const puts = ops.filter(({ op }) => op === 'put').length;
    // One count for all keys: a version comes back neither after a delete nor after an expiry.
    let version = puts === 0 ? 0 : this.#counters.takeVersions(puts);
    const versions = ops.map((op) =>
      op.op === 'put' ? this.#put(op, ++version, now) : this.#remove(op.key),
    );
    return { ok: true, versions };
  }

  #conflict(op: StoreOp, now: number): Conflict[] {
    if (op.if === undefined) return [];
    const entry = this.#find(op.key, now);
    const holds = op.if === 'absent' ? entry === undefined : entry?.version === op.if;
    return holds ? [] : [{ key: op.key, entry }];
  }

  #put(op: Extract<StoreOp, { op: 'put' }>, version: number, now: number): number {
    this.#sql.put.run(op.key, op.value, version, op.ttlMs === undefined ? null : now + Math.ceil(op.ttlMs));
    return version;
  }

  #remove(key: string): number {
    this.#sql.remove.run(key);
    return 0;
  }

  #find(key: string, now: number): StoreEntry | undefined {
    const row = this.#sql.read.get({ key, now });
    return row && entryOf(row);
  }

  async #look<T>(doing: string, look: () => T): Promise<T> {
    this.#refuseWhenClosed(doing);
    const { clock, busyTimeoutMs, db } = this.#parts;
    try {
      return await whileBusy(clock, busyTimeoutMs, () => inSnapshot(db, look));
    } catch (error) {
      throw unavailable(this.#backend, doing, error);
    }
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closed || !this.#parts.db.isOpen) throw new BackendClosedError(this.#backend, doing);
  }
}

/** All statements of `look` see the same moment, whatever other processes commit meanwhile. */
function inSnapshot<T>(db: DatabaseSync, look: () => T): T {
  db.exec('BEGIN');
  try {
    return look();
  } finally {
    db.exec('COMMIT');
  }
}

function entryOf(row: Readonly<Record<string, SQLOutputValue>>): StoreEntry {
  return {
    key: row['key'] as string,
    value: row['value'] as string,
    version: row['version'] as number,
    expiresAt: (row['expires_at'] as number | null) ?? undefined,
  };
}
