import type { BackendFactory } from '@pigeonpost/queue';

/** A backend as a process of a scenario is told of it. */
export interface ScenarioBackend {
  readonly driver: keyof typeof DRIVERS;
  readonly options: Readonly<Record<string, unknown>>;
}

const DRIVERS = {
  sqlite: async (): Promise<BackendFactory> => (await import('@pigeonpost/queue/sqlite')).sqliteBackend,
  postgres: async (): Promise<BackendFactory> => (await import('@pigeonpost/queue/postgres')).postgresBackend,
  redis: async (): Promise<BackendFactory> => (await import('@pigeonpost/queue/redis')).redisBackend,
  rabbitmq: async (): Promise<BackendFactory> => (await import('@pigeonpost/queue/rabbitmq')).rabbitmqBackend,
};

export function factoryOf({ driver }: ScenarioBackend): Promise<BackendFactory> {
  return DRIVERS[driver]();
}
