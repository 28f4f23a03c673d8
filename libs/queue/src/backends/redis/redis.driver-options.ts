import type { RedisOptions as DriverOptions } from 'ioredis';
import type { ResolvedRedisOptions } from './redis.options.js';

/** How often a server that loads its data is asked whether it is done. */
const LOADED_YET_MS = 250;

/**
 * What the driver is told. It keeps no calls for later, repeats none and subscribes to nothing again: all that is decided here.
 * @param retryMs after how many ms it connects again, for the nth time in a row; undefined: it does not.
 */
export function driverOptions(
  { connection, tls, connectTimeoutMs }: ResolvedRedisOptions,
  retryMs: (times: number) => number | undefined,
): DriverOptions {
  return {
    ...connection,
    ...(tls && { tls }),
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: LOADED_YET_MS,
    disableClientInfo: true,
    keyPrefix: '',
    retryStrategy: retryMs,
  };
}
