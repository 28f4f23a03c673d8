import { checkTable } from './outbox.errors.js';
import type { SqlDialect } from './sql-executor.js';

export const DEFAULT_OUTBOX = 'outbox';
export const DEFAULT_INBOX = 'inbox';

interface Words {
  readonly seq: string;
  readonly text: string;
  readonly insertOnce: string;
  readonly onceSuffix: string;
}

/** Numbers of rows are never given twice: a relay that comes late with its deletes must not meet another row. */
const WORDS: Readonly<Record<SqlDialect, Words>> = {
  sqlite: {
    seq: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    text: 'TEXT',
    insertOnce: 'INSERT INTO',
    onceSuffix: ' ON CONFLICT DO NOTHING',
  },
  postgres: {
    seq: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    text: 'TEXT',
    insertOnce: 'INSERT INTO',
    onceSuffix: ' ON CONFLICT DO NOTHING',
  },
  mysql: {
    seq: 'BIGINT AUTO_INCREMENT PRIMARY KEY',
    text: 'LONGTEXT',
    insertOnce: 'INSERT IGNORE INTO',
    onceSuffix: '',
  },
};

/** An INSERT that does nothing where its primary key is taken. `into` is table, columns and values. */
export function insertOnce(dialect: SqlDialect, into: string): string {
  const { insertOnce: insert, onceSuffix } = WORDS[dialect];
  return `${insert} ${into}${onceSuffix}`;
}

/**
 * The statements of a migration that makes the outbox, to be run one by one. `id`, `aggregatetype` (the topic),
 * `aggregateid` (the key), `type` (of the event) and `payload` (the body) are what Debezium's outbox event router reads by
 * default; the others are the relay's.
 */
export function outboxSchema(dialect: SqlDialect, table = DEFAULT_OUTBOX): readonly string[] {
  const name = checkTable(table);
  const { seq, text } = WORDS[dialect];
  const lease = leaseTable(name);
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (
  seq ${seq},
  id VARCHAR(255) NOT NULL,
  aggregatetype VARCHAR(255) NOT NULL,
  aggregateid VARCHAR(512),
  type VARCHAR(512) NOT NULL,
  payload ${text} NOT NULL,
  encoding VARCHAR(16),
  headers ${text},
  options ${text},
  created_at BIGINT NOT NULL,
  refused ${text}
)`,
    `CREATE TABLE IF NOT EXISTS ${lease} (
  name VARCHAR(128) PRIMARY KEY,
  owner VARCHAR(255),
  beat BIGINT NOT NULL
)`,
    insertOnce(dialect, `${lease} (name, owner, beat) VALUES ('relay', NULL, 0)`),
  ];
}

/** Where the relays of one outbox agree who of them is at work. */
export function leaseTable(outbox: string): string {
  return `${outbox}_lease`;
}

/** The same for the inbox: one row per subscription and idempotency key that was handled. */
export function inboxSchema(dialect: SqlDialect, table = DEFAULT_INBOX): readonly string[] {
  const name = checkTable(table);
  const index = `${name.replace('.', '_')}_seen`;
  const guard = dialect === 'mysql' ? '' : 'IF NOT EXISTS ';
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (
  subscription VARCHAR(128) NOT NULL,
  idempotency_key VARCHAR(256) NOT NULL,
  claim VARCHAR(64) NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (subscription, idempotency_key)
)`,
    `CREATE INDEX ${guard}${index} ON ${name} (seen_at)`,
  ];
}
