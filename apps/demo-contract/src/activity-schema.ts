/**
 * The projection: the worker writes it, the API reads it. `seen` counts how often a delivery was handed to the
 * projection; `count` how often one was applied. They differ exactly where a redelivery was recognised.
 */
export const ACTIVITY_SCHEMA = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    repository TEXT NOT NULL,
    action TEXT,
    sender TEXT,
    applied_at INTEGER NOT NULL,
    seen INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deliveries_newest ON deliveries (applied_at);

  CREATE TABLE IF NOT EXISTS activity (
    repository TEXT NOT NULL,
    event TEXT NOT NULL,
    count INTEGER NOT NULL,
    newest_at INTEGER NOT NULL,
    PRIMARY KEY (repository, event)
  ) STRICT, WITHOUT ROWID;
  COMMIT;
`;
