import type { BackendStatus } from '../backend/backend.js';
import type { ConsumerStatus } from '../consume/consumer-options.js';
import { QueueError } from '../message/queue-error.js';
import type { Bridges, BridgeStatus } from './bridges.js';
import type { Connections } from './connections.js';
import type { Consumers, RunningClaim } from './consumers.js';

/** One handler of this process. */
export interface RegisteredHandler {
  /** `Class.method`. */
  readonly handler: string;
  readonly subscription: string;
  readonly topics: readonly string[];
  readonly backend: string;
  readonly state: ConsumerStatus['state'];
}

export interface QueueStatus {
  readonly backends: Readonly<Record<string, BackendStatus>>;
  readonly consumers: readonly ConsumerStatus[];
  readonly bridges: readonly BridgeStatus[];
  /** By subscription: dead letters that this process removed because they were older than they are kept. */
  readonly expired: Readonly<Record<string, number>>;
}

/** This process does not handle the subscription that was named. */
export class NotConsumedError extends QueueError {
  readonly code = 'not_consumed';
}

/** What this process handles, and the handle to stop and go on at run time. */
export class QueueRegistry {
  readonly #connections: Connections;
  readonly #consumers: Consumers;
  readonly #bridges: Bridges;

  constructor(connections: Connections, consumers: Consumers, bridges: Bridges) {
    this.#connections = connections;
    this.#consumers = consumers;
    this.#bridges = bridges;
  }

  list(): readonly RegisteredHandler[] {
    return this.#consumers.all.map(({ claim, consumer }) => ({
      handler: claim.handler,
      subscription: claim.subscription,
      topics: claim.topics,
      backend: claim.backend,
      state: consumer.status().state,
    }));
  }

  status(): QueueStatus {
    const backends = this.#connections.names.map(
      (name) => [name, this.#connections.get(name).backend.status()] as const,
    );
    return {
      backends: Object.fromEntries(backends),
      consumers: this.#consumers.all.map(({ consumer }) => consumer.status()),
      bridges: this.#bridges.status(),
      expired: Object.fromEntries(
        this.#consumers.all.map(({ claim, sweep }) => [claim.subscription, sweep?.removed ?? 0]),
      ),
    };
  }

  /** Takes nothing more until `resume`; running handlers run on. Throws NotConsumedError. */
  pause(subscription: string): void {
    for (const { consumer } of this.#named(subscription)) consumer.pause();
  }

  /** Throws NotConsumedError. */
  resume(subscription: string): void {
    for (const { consumer } of this.#named(subscription)) consumer.resume();
  }

  /** More than one when several backends have a subscription of that name. */
  #named(subscription: string): readonly RunningClaim[] {
    const named = this.#consumers.all.filter(({ claim }) => claim.subscription === subscription);
    if (named.length > 0) return named;
    throw new NotConsumedError(`this process does not handle a subscription "${subscription}"`);
  }
}
