import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Clock, sleep } from '../../ambient/clock.js';
import {
  BackendUnavailableError,
  MissingDriverError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import { loadDriver } from '../../backend/load-driver.js';
import { isBusy, unavailable } from './sqlite.errors.js';
import { type ResolvedSqliteOptions, SqliteFileError } from './sqlite.options.js';
import { checkSchema, migrate } from './sqlite.schema.js';

const WAL_LIMIT_BYTES = 64 * 1024 * 1024;
const BUSY_PAUSE_MS = 2;

/** Opens the file, making it when absent, and brings it to the current schema. */
export async function openDatabase(
  backend: string,
  options: ResolvedSqliteOptions,
  clock: Clock,
): Promise<DatabaseSync> {
  const { DatabaseSync: Database } = await loadSqlite(backend);
  createPrivately(backend, options.file);
  // No waiting inside SQLite: it would hold up the whole event loop. Whoever meets a lock comes again later.
  const db = new Database(options.file, { timeout: 0 });
  try {
    await whileBusy(clock, options.busyTimeoutMs, () => {
      checkSchema(backend, options.file, db);
      configure(backend, options, db);
      migrate(backend, options.file, db);
    });
    return db;
  } catch (error) {
    db.close();
    throw unavailable(backend, 'open its database', error);
  }
}

/** Runs `work`, again and again while another process holds the lock, until `timeoutMs` have passed. */
export async function whileBusy<T>(clock: Clock, timeoutMs: number, work: () => T): Promise<T> {
  const until = clock.mono() + timeoutMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || clock.mono() >= until) throw error;
    }
    await sleep(clock, BUSY_PAUSE_MS);
  }
}

async function loadSqlite(backend: string): Promise<typeof import('node:sqlite')> {
  try {
    return await loadDriver('node:sqlite', () => import('node:sqlite'));
  } catch (error) {
    if (!(error instanceof MissingDriverError)) throw error;
    throw new UnsupportedError(backend, `open SQLite on Node ${process.version}`, 'use Node 24 or later');
  }
}

/** SQLite gives its log and index files the permissions of the database. */
function createPrivately(backend: string, file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = `the directory ${JSON.stringify(dirname(file))} does not exist: create it first`;
    throw new SqliteFileError(backend, file, code === 'ENOENT' ? missing : message, { cause: error });
  }
}

function configure(backend: string, options: ResolvedSqliteOptions, db: DatabaseSync): void {
  // Takes effect only before the first table, and has to come before the log mode, which writes the header.
  db.exec('PRAGMA auto_vacuum = INCREMENTAL');
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  if (mode !== 'wal') {
    throw new BackendUnavailableError(
      backend,
      'open its database',
      `the file system refuses a write-ahead log (mode "${String(mode)}")`,
    );
  }
  db.exec(`PRAGMA synchronous = ${options.synchronous}`);
  db.exec(`PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES}`);
  db.exec('PRAGMA cache_size = -16000');
  db.exec('PRAGMA temp_store = MEMORY');
}
