import { QueueError } from '../../message/queue-error.js';
import { quote } from '../../message/names.js';
import { LINE_FUNCTIONS, lineSettleFunction } from './postgres.line.sql.js';
import { STORE_FUNCTION } from './postgres.store.sql.js';

const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,47}$/;

/** Not a name that a schema of ours can have. */
export class InvalidSchemaNameError extends QueueError {
  readonly code = 'invalid_schema_name';

  constructor(given: unknown) {
    super(
      `the schema ${quote(given)} is not allowed: use 1 to 48 characters, a small letter or "_" first, then small letters, digits or "_"`,
    );
  }
}

/** Throws InvalidSchemaNameError: the name is a part of statements. */
export function checkSchemaName(schema: string): string {
  if (SCHEMA_NAME.test(schema)) return schema;
  throw new InvalidSchemaNameError(schema);
}

/** Dead rows are many and short-lived here, whatever the size of the table. */
const CHURNING = `(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000)`;

/**
 * Step n leads from version n to n + 1. Released steps never change; new ones are added. `{s}` is the schema.
 *
 * messages: one row per subscription and message, the body inside. It can be claimed when available_at has passed: the
 * moment of publishing, the end of a delay, or the end of a lease; 'infinity' waits behind another one of its key.
 * ready_at is its place in line, kept for a release. deliveries counts claims and never goes back; token is that of the
 * last one, and the fence of its settlement. priority: 1 to 9, null is 0. is_text: the body is UTF-8 that can be shown as
 * text. line: null without an order, otherwise what postgres.line.sql.ts says.
 *
 * Long bodies lie beside the row, uncompressed: a claim then leaves them alone, and costs no time to unpack.
 */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE {s}.subscriptions (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  name text COLLATE "C" NOT NULL UNIQUE,
  ordered boolean NOT NULL DEFAULT false,
  expires_after_ms double precision,
  expires_at timestamptz,
  bounds text,
  room bigint NOT NULL DEFAULT 0,
  dropped bigint NOT NULL DEFAULT 0
);
CREATE TABLE {s}.bindings (
  topic text COLLATE "C" NOT NULL,
  subscription_id integer NOT NULL,
  PRIMARY KEY (topic, subscription_id)
);

CREATE SEQUENCE {s}.seq;
CREATE TABLE {s}.messages (
  seq bigint PRIMARY KEY DEFAULT nextval('{s}.seq'),
  available_at timestamptz NOT NULL,
  ready_at timestamptz NOT NULL,
  expires_at timestamptz,
  published_at bigint NOT NULL,
  subscription_id integer NOT NULL,
  deliveries integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  releases integer NOT NULL DEFAULT 0,
  priority smallint,
  line smallint,
  leased boolean NOT NULL DEFAULT false,
  is_text boolean NOT NULL,
  id text NOT NULL,
  topic text NOT NULL,
  key text COLLATE "C",
  headers text,
  history text,
  body bytea NOT NULL
) WITH ${CHURNING};
ALTER TABLE {s}.messages ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX messages_claim ON {s}.messages (subscription_id, available_at, seq);
CREATE INDEX messages_urgent ON {s}.messages (subscription_id, priority, available_at, seq)
  WHERE priority IS NOT NULL;
CREATE INDEX messages_expiry ON {s}.messages (subscription_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX messages_line ON {s}.messages (subscription_id, key, seq) WHERE line IS NOT NULL;
CREATE INDEX messages_arrived ON {s}.messages (subscription_id, seq) WHERE line = 0;

CREATE TABLE {s}.dead (
  seq bigint PRIMARY KEY,
  dead_at bigint NOT NULL,
  published_at bigint NOT NULL,
  subscription_id integer NOT NULL,
  deliveries integer NOT NULL,
  attempts integer NOT NULL,
  crashes integer NOT NULL,
  priority smallint,
  holds boolean NOT NULL DEFAULT false,
  is_text boolean NOT NULL,
  id text NOT NULL,
  topic text NOT NULL,
  key text COLLATE "C",
  headers text,
  history text,
  body bytea NOT NULL
);
ALTER TABLE {s}.dead ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX dead_age ON {s}.dead (subscription_id, dead_at);
CREATE INDEX dead_order ON {s}.dead (subscription_id, seq);
CREATE INDEX dead_holds ON {s}.dead (subscription_id, key) WHERE holds;

CREATE TABLE {s}.dedup (
  topic text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (topic, id)
) WITH ${CHURNING};
CREATE INDEX dedup_expiry ON {s}.dedup (expires_at);

CREATE TABLE {s}.retention (
  topic text COLLATE "C" PRIMARY KEY,
  for_ms double precision NOT NULL,
  max_messages bigint
);
CREATE TABLE {s}.retained (
  seq bigint PRIMARY KEY DEFAULT nextval('{s}.seq'),
  published_at timestamptz NOT NULL,
  delay_ms double precision,
  ttl_ms double precision,
  priority smallint,
  is_text boolean NOT NULL,
  topic text COLLATE "C" NOT NULL,
  id text NOT NULL,
  key text,
  headers text,
  body bytea NOT NULL
);
ALTER TABLE {s}.retained ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX retained_age ON {s}.retained (topic, seq);

CREATE TABLE {s}.store (
  key text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  version bigint NOT NULL,
  expires_at timestamptz
) WITH ${CHURNING};
ALTER TABLE {s}.store ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX store_expiry ON {s}.store (expires_at) WHERE expires_at IS NOT NULL;
CREATE SEQUENCE {s}.store_version;
${STORE_FUNCTION}
${LINE_FUNCTIONS}
${lineSettleFunction('deliveries')}
`,
  `
ALTER TABLE {s}.messages ADD COLUMN token bigint;
${lineSettleFunction('token')}
`,
];

/** The version that this release works with. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Known to every process: one step at a time, whoever takes it. */
export function migrationLock(schema: string): string {
  return `SELECT pg_advisory_xact_lock(hashtext('pigeonpost migration'), hashtext('${schema}'))`;
}

/** What makes the schema itself, with the number of its version, 0 at first, and a name that no other one has. */
export function foundationSql(schema: string): string {
  return `CREATE SCHEMA IF NOT EXISTS ${schema};
CREATE TABLE IF NOT EXISTS ${schema}.meta (
  version integer NOT NULL,
  topology bigint NOT NULL,
  instance uuid NOT NULL
);
INSERT INTO ${schema}.meta SELECT 0, 1, gen_random_uuid() WHERE NOT EXISTS (SELECT 1 FROM ${schema}.meta);`;
}

/** The steps that lead on from a version, each with the version it leads to. */
export function stepsFrom(schema: string, version: number): readonly string[] {
  return MIGRATIONS.slice(version).map((step, at) => {
    const text = step.replaceAll('{s}', schema);
    return `${text.trim()}\nUPDATE ${schema}.meta SET version = ${version + at + 1};`;
  });
}

/**
 * All statements that make the schema for this release, or bring an older one up to it, in one transaction: for whoever
 * may create tables where the application may not. Throws InvalidSchemaNameError.
 */
export function migrationSql({ schema = 'pigeonpost' }: { readonly schema?: string } = {}): string {
  checkSchemaName(schema);
  const steps = stepsFrom(schema, 0).map(
    (step, version) => `DO $migration$ BEGIN
IF (SELECT version FROM ${schema}.meta) = ${version} THEN
EXECUTE $step$
${step}
$step$;
END IF;
END $migration$;`,
  );
  return ['BEGIN;', `${migrationLock(schema)};`, foundationSql(schema), ...steps, 'COMMIT;', ''].join('\n');
}
