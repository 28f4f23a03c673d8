import { resolve } from 'node:path';
import { IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min, NotEquals } from 'class-validator';
import { QueueError } from '../../message/queue-error.js';
import { quote } from '../../message/names.js';

/** An option that only the file system can refuse. */
export class SqliteFileError extends QueueError {
  readonly code = 'sqlite_file';

  constructor(backend: string, file: string, problem: string, options?: { cause?: unknown }) {
    super(`backend ${quote(backend)}, option "file" (${JSON.stringify(file)}): ${problem}`, options);
  }
}

export const IN_MEMORY_REMEDY =
  'file must be a path on a local disk: for messages that live in memory only, use the memory driver';

/** Options of the sqlite backend. Every process that names the same file shares its messages. */
export class SqliteOptions {
  /** Path of the database, made when absent; its directory must exist, on a local disk. */
  @IsString()
  @IsNotEmpty()
  @NotEquals(':memory:', { message: IN_MEMORY_REMEDY })
  file!: string;

  /** `FULL`: a stored message survives a power cut. `NORMAL`: it survives the process, and is about twice as fast. */
  @IsOptional()
  @IsIn(['FULL', 'NORMAL'])
  synchronous?: 'FULL' | 'NORMAL' = 'FULL';

  /** Largest body in bytes. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(512 * 1024 * 1024)
  maxBytes?: number = 64 * 1024 * 1024;

  /** How long a call waits for the lock of another process before it fails. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(600_000)
  busyTimeoutMs?: number = 5_000;

  /** How often an idle consumer looks for messages of other processes when the file system does not report them. */
  @IsOptional()
  @IsInt()
  @Min(5)
  @Max(60_000)
  pollMs?: number = 40;
}

export type ResolvedSqliteOptions = Readonly<Required<SqliteOptions>>;

/** Fills in the defaults and makes the path absolute, so that a later change of directory means nothing. */
export function resolveOptions(backend: string, given: SqliteOptions): ResolvedSqliteOptions {
  const { file } = given;
  if (typeof file !== 'string' || file === '')
    throw new SqliteFileError(backend, String(file), 'a path is needed');
  if (file === ':memory:') throw new SqliteFileError(backend, file, IN_MEMORY_REMEDY);
  const defaults = new SqliteOptions() as Required<SqliteOptions>;
  return Object.freeze({
    file: resolve(file),
    synchronous: given.synchronous ?? defaults.synchronous,
    maxBytes: given.maxBytes ?? defaults.maxBytes,
    busyTimeoutMs: given.busyTimeoutMs ?? defaults.busyTimeoutMs,
    pollMs: given.pollMs ?? defaults.pollMs,
  });
}
