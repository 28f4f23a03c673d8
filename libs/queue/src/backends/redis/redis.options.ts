import { IsBoolean, IsInt, IsObject, IsOptional, IsString, IsUrl, Matches, Max, Min } from 'class-validator';
import { ConnectionTimes } from '../../backend/connection-times.js';
import { quote } from '../../message/names.js';
import { QueueError } from '../../message/queue-error.js';

const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** What is wrong with an option, or with the server that it leads to. */
export class RedisServerError extends QueueError {
  readonly code = 'redis_server';

  constructor(backend: string, problem: string) {
    super(`backend ${quote(backend)} cannot use its Redis server: ${problem}`);
  }
}

/** Options of the redis backend. Every process with the same server, database and prefix shares its messages. */
export class RedisOptions extends ConnectionTimes {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  @IsUrl(
    { protocols: ['redis', 'rediss'], require_protocol: true, require_tld: false, require_host: true },
    { message: 'url must be a redis: or rediss: URL' },
  )
  url!: string;

  /** Options of `tls.connect`, such as `ca`; with it the connection is encrypted. */
  @IsOptional()
  @IsObject()
  tls?: object;

  /** More options for the driver (ioredis), such as `family` or `sentinels`. How it reconnects is decided here. */
  @IsOptional()
  @IsObject()
  connection?: object;

  /** First part of every key; all keys share it as their hash tag. */
  @IsOptional()
  @IsString()
  @Matches(PREFIX, { message: "prefix must be 1 to 64 letters, digits, '.', '_', ':' or '-'" })
  prefix?: string = 'pigeonpost';

  /** Largest body in bytes. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(64 * 1024 * 1024)
  maxBytes?: number = 1024 * 1024;

  /** Starts on a server that may evict keys when its memory is full, which loses messages without a word. */
  @IsOptional()
  @IsBoolean()
  allowEviction?: boolean = false;

  /** Starts on a server that writes no append-only file, whose end takes with it what its last snapshot has not. */
  @IsOptional()
  @IsBoolean()
  allowVolatile?: boolean = false;
}

export type ResolvedRedisOptions = Readonly<
  Required<Omit<RedisOptions, 'tls' | 'connection'>> & Record<'tls' | 'connection', object | undefined>
>;

/** Fills in the defaults. */
export function resolveOptions(backend: string, given: RedisOptions): ResolvedRedisOptions {
  if (!/^rediss?:\/\//.test(String(given.url)))
    throw new RedisServerError(backend, 'option "url" must be a redis: or rediss: URL');
  const defaults = new RedisOptions() as ResolvedRedisOptions;
  return Object.freeze({
    url: given.url,
    tls: given.tls,
    connection: given.connection,
    prefix: given.prefix ?? defaults.prefix,
    maxBytes: given.maxBytes ?? defaults.maxBytes,
    connectTimeoutMs: given.connectTimeoutMs ?? defaults.connectTimeoutMs,
    commandTimeoutMs: given.commandTimeoutMs ?? defaults.commandTimeoutMs,
    heartbeatMs: given.heartbeatMs ?? defaults.heartbeatMs,
    allowEviction: given.allowEviction ?? defaults.allowEviction,
    allowVolatile: given.allowVolatile ?? defaults.allowVolatile,
  });
}
