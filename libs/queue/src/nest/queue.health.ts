import { type BackendHealth, type HealthState, worstOf } from '../backend/health.js';
import type { Connections } from './connections.js';

/** How the messaging of this process does. Plain data: survives JSON, and holds neither secrets nor payloads. */
export interface HealthReport {
  /** The worst of all backends. */
  readonly state: HealthState;
  /** In the order of the options. */
  readonly backends: readonly BackendHealth[];
}

/** For health checks, probes and metrics. Injected by its class. See docs/health.md. */
export class QueueHealth {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /**
   * Within 2 s, however the brokers do: one that is down, or does not answer, is told of from memory. Connects to
   * nothing, and counts at most once in 2 s, so that a probe may come as often as it likes. Never rejects.
   */
  async read(): Promise<HealthReport> {
    const backends = await Promise.all(
      this.#connections.names.map((name) => this.#connections.get(name).health.read()),
    );
    return { state: worstOf(backends.map(({ state }) => state)), backends };
  }
}
