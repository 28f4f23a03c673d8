import {
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';
import { ConnectionTimes } from '../../backend/connection-times.js';
import { checkSchemaName } from './postgres.schema.js';

const URL_RULE = 'url must be a connection string such as postgres://user:password@host:5432/database';
const SCHEMA_RULE =
  'schema must be 1 to 48 characters, a small letter or "_" first, then small letters, digits or "_"';

/** Options of the postgres backend. Processes that name the same database and schema share their messages. */
export class PostgresOptions extends ConnectionTimes {
  /** `postgres://user:password@host:5432/database`. Without it, PGHOST and the other variables of libpq count. */
  @IsOptional()
  @IsString()
  @Matches(/^postgres(ql)?:\/\//, { message: URL_RULE })
  url?: string;

  /** `true`, or what `tls.connect` takes, such as `{ ca }`. Counts more than `sslmode` of the url. */
  @IsOptional()
  @ValidateIf((options: PostgresOptions) => typeof options.tls !== 'object')
  @IsBoolean()
  tls?: boolean | object;

  /** Anything else that a Client of `pg` takes, such as `password` as a function. */
  @IsOptional()
  @IsObject()
  connection?: Readonly<Record<string, unknown>>;

  /** Where the tables are; made when absent and allowed to. */
  @IsOptional()
  @IsString()
  @Matches(/^[a-z_][a-z0-9_]{0,47}$/, { message: SCHEMA_RULE })
  schema?: string = 'pigeonpost';

  /**
   * `transaction`: a pooler such as PgBouncer lends a connection per transaction. Nothing of the session is used then:
   * no prepared statements and no LISTEN, so that messages of other processes are found by polling.
   */
  @IsOptional()
  @IsIn(['none', 'transaction'])
  pooler?: 'none' | 'transaction' = 'none';

  /** Connections of this process, beside the one that listens. One is kept free of publishes. */
  @IsOptional()
  @IsInt()
  @Min(2)
  @Max(100)
  poolSize?: number = 4;

  /** Largest body in bytes. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(256 * 1024 * 1024)
  maxBytes?: number = 16 * 1024 * 1024;

  /** How often an idle receiver looks for messages that nobody told it of. Default 1 000, behind a pooler 200. */
  @IsOptional()
  @IsInt()
  @Min(10)
  @Max(60_000)
  pollMs?: number;
}

type Defaulted = Exclude<keyof PostgresOptions, 'url' | 'tls' | 'connection'>;
export type ResolvedPostgresOptions = Readonly<
  Required<Pick<PostgresOptions, Defaulted>> & {
    url: string | undefined;
    tls: boolean | object | undefined;
    connection: Readonly<Record<string, unknown>> | undefined;
  }
>;

const POLL_MS = Object.freeze({ none: 1_000, transaction: 200 });

/** Fills in the defaults. Throws InvalidSchemaNameError. */
export function resolveOptions(given: PostgresOptions): ResolvedPostgresOptions {
  const defaults = new PostgresOptions() as Required<PostgresOptions>;
  const pooler = given.pooler ?? defaults.pooler;
  return Object.freeze({
    url: given.url,
    tls: given.tls,
    connection: given.connection,
    schema: checkSchemaName(given.schema ?? defaults.schema),
    pooler,
    poolSize: given.poolSize ?? defaults.poolSize,
    maxBytes: given.maxBytes ?? defaults.maxBytes,
    connectTimeoutMs: given.connectTimeoutMs ?? defaults.connectTimeoutMs,
    commandTimeoutMs: given.commandTimeoutMs ?? defaults.commandTimeoutMs,
    heartbeatMs: given.heartbeatMs ?? defaults.heartbeatMs,
    pollMs: given.pollMs ?? POLL_MS[pooler],
  });
}

/** What is said of them at the start. */
export function noticesOf({ pooler, pollMs }: ResolvedPostgresOptions): readonly string[] {
  if (pooler === 'none') return [];
  return [
    `is behind a pooler of transactions, where nobody can listen: messages of other processes are found by looking every ${pollMs} ms (pollMs)`,
  ];
}
