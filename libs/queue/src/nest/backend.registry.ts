import type { BackendFactory } from '../backend/backend.js';
import type { BackendConfig, DriverName } from './queue.options.js';

/** The only place that knows the backends by name. Each is loaded when it is used. */
const DRIVERS: Readonly<Record<DriverName, () => Promise<BackendFactory>>> = Object.freeze({
  memory: async () => (await import('../backends/memory/index.js')).memoryBackend,
  sqlite: async () => (await import('../backends/sqlite/index.js')).sqliteBackend,
  redis: async () => (await import('../backends/redis/index.js')).redisBackend,
  postgres: async () => (await import('../backends/postgres/index.js')).postgresBackend,
  rabbitmq: async () => (await import('../backends/rabbitmq/index.js')).rabbitmqBackend,
});

export const DRIVER_NAMES = Object.freeze(Object.keys(DRIVERS)) as readonly DriverName[];

export async function loadBackendFactory(driver: BackendConfig['driver']): Promise<BackendFactory> {
  return typeof driver === 'string' ? DRIVERS[driver]() : driver;
}

export function isBackendFactory(given: unknown): given is BackendFactory {
  const { kind, optionsClass, open } = (given ?? {}) as Partial<BackendFactory>;
  return typeof kind === 'string' && typeof optionsClass === 'function' && typeof open === 'function';
}
