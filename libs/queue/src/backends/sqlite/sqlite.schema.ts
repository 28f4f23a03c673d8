import type { DatabaseSync } from 'node:sqlite';
import { SqliteFileError } from './sqlite.options.js';

/** Written into the file's header, so that somebody else's database is never taken for ours. */
const APPLICATION_ID = 0x50675073;

/**
 * Token of a message that nobody holds. All tokens take six bytes in the record, so a claim
 * leaves the size of the row alone and SQLite rewrites only the page with its head, not the pages of a long body.
 */
export const FREE = -(2 ** 46);

/** available_at of a message that waits behind another one of its key: later than any time, and six bytes like those. */
export const HELD = 2 ** 46;

/**
 * Step n leads from version n to n + 1. Released steps never change; new ones are added.
 *
 * messages: one row per subscription and message. It is ready when available_at (ms since the epoch) has passed: the
 * moment of publishing, the end of a delay, or the end of a lease. ready_at is its place in line, kept for a release.
 * in_order: in a subscription with an order by key, the message is in the line of its key; dead.holds: the dead letter is.
 *
 * ephemeral: which subscriptions go by themselves. counters.subscription is the last id given to one: ids are never given
 * twice, because somebody may still hold that of a subscription that is gone.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE counters (topology INTEGER NOT NULL, store INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;
  INSERT INTO counters VALUES (1, 0, 0);

  CREATE TABLE subscriptions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE bindings (
    topic TEXT NOT NULL,
    subscription_id INTEGER NOT NULL,
    PRIMARY KEY (topic, subscription_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    token INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    releases INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    expires_at INTEGER,
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    key TEXT,
    headers TEXT,
    history TEXT,
    body ANY NOT NULL
  ) STRICT;
  CREATE INDEX messages_claim ON messages (subscription_id, available_at);
  CREATE INDEX messages_expiry ON messages (subscription_id, expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE dead (
    seq INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL,
    dead_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    key TEXT,
    headers TEXT,
    history TEXT,
    body ANY NOT NULL
  ) STRICT;
  CREATE INDEX dead_subscription ON dead (subscription_id);

  CREATE TABLE store (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX store_expiry ON store (expires_at) WHERE expires_at IS NOT NULL;

  PRAGMA application_id = ${APPLICATION_ID};
  `,
  // priority: 1 to 9; null is 0, so that messages without one take no part in the index.
  `
  ALTER TABLE messages ADD COLUMN priority INTEGER;
  CREATE INDEX messages_priority ON messages (subscription_id, priority, available_at) WHERE priority IS NOT NULL;
  ALTER TABLE dead ADD COLUMN priority INTEGER;
  `,
  `
  CREATE TABLE ephemeral (
    subscription_id INTEGER PRIMARY KEY,
    expires_after INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX ephemeral_expiry ON ephemeral (expires_at);
  ALTER TABLE counters ADD COLUMN subscription INTEGER NOT NULL DEFAULT 0;
  UPDATE counters SET subscription = (SELECT COALESCE(MAX(id), 0) FROM subscriptions);
  `,
  // dedup: publishes of late that asked to be stored once.
  `
  CREATE TABLE dedup (
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (topic, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX dedup_expiry ON dedup (expires_at);
  `,
  // The age of dead letters, for those that are kept for a time only.
  `
  CREATE INDEX dead_age ON dead (subscription_id, dead_at);
  DROP INDEX dead_subscription;
  `,
  // ordered: by key.
  `
  ALTER TABLE subscriptions ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE messages ADD COLUMN in_order INTEGER;
  CREATE INDEX messages_key ON messages (subscription_id, key) WHERE in_order IS NOT NULL;
  ALTER TABLE dead ADD COLUMN holds INTEGER;
  CREATE INDEX dead_holds ON dead (subscription_id, key) WHERE holds IS NOT NULL;
  `,
  // bounds: of subscriptions that have any. room: messages that are sure to fit; when_full: a WhenFull as JSON.
  `
  CREATE TABLE bounds (
    subscription_id INTEGER PRIMARY KEY,
    max_messages INTEGER NOT NULL,
    when_full TEXT NOT NULL,
    room INTEGER NOT NULL,
    dropped INTEGER NOT NULL
  ) STRICT;
  `,
  // What topics retain for later subscriptions; retention.messages counts the rows of a topic in retained.
  `
  CREATE TABLE retention (
    topic TEXT PRIMARY KEY,
    for_ms INTEGER NOT NULL,
    max_messages INTEGER,
    messages INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE retained (
    seq INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    expires_at INTEGER,
    id TEXT NOT NULL,
    key TEXT,
    headers TEXT,
    priority INTEGER,
    body ANY NOT NULL
  ) STRICT;
  CREATE INDEX retained_age ON retained (topic, published_at);
  `,
];

/** Refuses a database that is not ours, or of a newer release, before anything in it is touched. */
export function checkSchema(backend: string, file: string, db: DatabaseSync): void {
  const found = read(db, 'user_version');
  const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']);
  if (tables > 0 && read(db, 'application_id') !== APPLICATION_ID) {
    throw new SqliteFileError(
      backend,
      file,
      'is the database of another application: name a file of its own',
    );
  }
  if (found <= MIGRATIONS.length) return;
  const problem = `its schema is version ${found}, written by a newer release; this one knows ${MIGRATIONS.length}`;
  throw new SqliteFileError(backend, file, `${problem}: upgrade this application`);
}

/** Brings the database to this version's schema, in one transaction. */
export function migrate(backend: string, file: string, db: DatabaseSync): void {
  if (read(db, 'user_version') === MIGRATIONS.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been faster.
    checkSchema(backend, file, db);
    for (const step of MIGRATIONS.slice(read(db, 'user_version'))) db.exec(step);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function read(db: DatabaseSync, pragma: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}
