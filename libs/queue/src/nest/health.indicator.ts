import { type BackendHealth, worstOf } from '../backend/health.js';
import { InvalidOptionsError } from './nest.errors.js';
import type { QueueHealth } from './queue.health.js';

export interface IndicatorOptions {
  /** Names of backends; default: all. */
  readonly backends?: readonly string[];
  /** Judges by the connections alone, as a readiness probe should, or by the consumers alone, as a liveness probe. Default: by both. */
  readonly only?: 'connections' | 'consumers';
}

/** As Terminus wants it: the same shape in its versions 11 and 12. */
export type IndicatorResult<Key extends string = string> = Record<
  Key,
  {
    readonly status: 'up' | 'down';
    /** What was judged, whatever the judgement. */
    readonly backends: readonly BackendHealth[];
  }
>;

/**
 * A health indicator of @nestjs/terminus, which this library does without: `() => indicator.isHealthy('queue')` in a
 * health check. Injected by its class. Connects to nothing; see QueueHealth.
 */
export class QueueHealthIndicator {
  readonly #health: QueueHealth;

  constructor(health: QueueHealth) {
    this.#health = health;
  }

  /** Within 2 s. What is degraded does its work: it is `up`, and the details say more. Throws InvalidOptionsError. */
  async isHealthy<Key extends string>(
    key: Key,
    options: IndicatorOptions = {},
  ): Promise<IndicatorResult<Key>> {
    const backends = chosen((await this.#health.read()).backends, options.backends);
    const state = worstOf(backends.flatMap((backend) => statesOf(backend, options)));
    const result = { status: state === 'down' ? 'down' : 'up', backends } as const;
    return { [key]: result } as IndicatorResult<Key>;
  }
}

function chosen(all: readonly BackendHealth[], names?: readonly string[]): readonly BackendHealth[] {
  const unknown = names?.find((name) => !all.some((backend) => backend.name === name));
  if (unknown === undefined)
    return names === undefined ? all : all.filter(({ name }) => names.includes(name));
  throw new InvalidOptionsError(
    `there is no backend "${unknown}": the options list ${all.map(({ name }) => name).join(', ')}`,
  );
}

function statesOf(
  { connection, subscriptions }: BackendHealth,
  { only }: IndicatorOptions,
): readonly BackendHealth['state'][] {
  const consumers = subscriptions.map(({ state }) => state);
  if (only === 'connections') return [connection.state];
  return only === 'consumers' ? consumers : [connection.state, ...consumers];
}
