import type { DatabaseSync } from 'node:sqlite';
import { type BlobStore, expiryOf } from '../blob-store.js';

const BUSY_MS = 5_000;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS blobs (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, holders INTEGER, body BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS blobs_expiry ON blobs (expires_at);
  CREATE TABLE IF NOT EXISTS blob_holders (id TEXT NOT NULL, holder TEXT NOT NULL, PRIMARY KEY (id, holder)) WITHOUT ROWID;
`;
/** Gone with the last holder. */
const COLLECT = `DELETE FROM blobs WHERE id = ?1 AND holders <= (SELECT count(*) FROM blob_holders WHERE id = ?1)`;
const FORGET = 'DELETE FROM blob_holders WHERE id NOT IN (SELECT id FROM blobs)';

/**
 * Blobs in one SQLite file of their own, shared by the processes of a host. Runs on the calling thread, and waits there
 * for a lock of another process.
 */
export class SqliteBlobs implements BlobStore {
  #opening: Promise<DatabaseSync> | undefined;

  constructor(private readonly file: string) {}

  async put(id: string, bytes: Uint8Array): Promise<void> {
    const db = await this.#db();
    db.prepare('INSERT OR REPLACE INTO blobs (id, expires_at, body) VALUES (?, ?, ?)').run(
      id,
      expiryOf(id) as number,
      bytes,
    );
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    const row = (await this.#db()).prepare('SELECT body FROM blobs WHERE id = ?').get(id);
    return row?.['body'] as Uint8Array | undefined;
  }

  async expect(id: string, holders: number): Promise<void> {
    const db = await this.#db();
    db.prepare('UPDATE blobs SET holders = ? WHERE id = ?').run(holders, id);
    collect(db, id);
  }

  async done(id: string, holder: string): Promise<void> {
    const db = await this.#db();
    db.prepare('INSERT OR IGNORE INTO blob_holders SELECT id, ?2 FROM blobs WHERE id = ?1').run(id, holder);
    collect(db, id);
  }

  async sweep(now: number): Promise<number> {
    const db = await this.#db();
    const { changes } = db.prepare('DELETE FROM blobs WHERE expires_at <= ?').run(now);
    if (changes > 0) db.exec(FORGET);
    return Number(changes);
  }

  async close(): Promise<void> {
    const db = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    db?.close();
  }

  /** A failure is forgotten, so that the next use tries again. */
  #db(): Promise<DatabaseSync> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<DatabaseSync> {
    const { DatabaseSync: Database } = await import('node:sqlite');
    const db = new Database(this.file, { timeout: BUSY_MS });
    db.exec(SCHEMA);
    return db;
  }
}

function collect(db: DatabaseSync, id: string): void {
  const { changes } = db.prepare(COLLECT).run(id);
  if (changes > 0) db.prepare('DELETE FROM blob_holders WHERE id = ?').run(id);
}
