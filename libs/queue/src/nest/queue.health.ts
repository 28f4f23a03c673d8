import { type BackendHealth, type HealthState, worstOf } from '../backend/health.js';
import type { BackendStateListener } from './backend.states.js';
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
   * Calls `listener` whenever the connection of a backend becomes better or worse, until the application closes. A listener
   * that throws is told of in the log. Answers with a function that ends it.
   */
  onBackendState(listener: BackendStateListener): () => void {
    const connections = this.#connections;
    const ends = connections.names.map((name) => connections.get(name).health.states.listen(listener));
    return () => {
      for (const end of ends) end();
    };
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
