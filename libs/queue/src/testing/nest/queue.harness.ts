import type { OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { QueueRegistry } from '../../nest/queue.registry.js';
import { type Duration, parseDuration } from '../../policies/duration.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { FaultScript } from './fault-script.js';
import type { DeadLetteredMessage, HandledMessage, PublishedMessage } from './message-spy.js';
import { settle } from './settling.js';
import type { Stage } from './stage.js';

export interface SettleOptions {
  /** How much virtual time it may take. Default 7 days. */
  readonly within?: Duration;
  /** How many deliveries it may take; handlers that publish to each other without end stop there. Default 10 000. */
  readonly maxDeliveries?: number;
}

/** What a test sees of the messaging of its application, and does to it. Injected by its class. */
export class QueueHarness implements OnModuleInit {
  readonly #stage: Stage;
  readonly #moduleRef: ModuleRef;

  constructor(stage: Stage, moduleRef: ModuleRef) {
    this.#stage = stage;
    this.#moduleRef = moduleRef;
  }

  /** The application's time. It stands still unless a test moves it, or waits with `settled`. */
  get clock(): VirtualClock {
    return this.#stage.clock;
  }

  /** What is to go wrong. */
  get faults(): FaultScript {
    return this.#stage.script;
  }

  /**
   * Resolves when every message that a handler of this application is to get was handled or became a dead letter,
   * with all that was published on the way. Time runs through delays and retries, and no further. Throws
   * NotSettledError, which names what is still open.
   */
  async settled({ within = '7d', maxDeliveries = 10_000 }: SettleOptions = {}): Promise<void> {
    await settle(this.#stage, { withinMs: parseDuration('within', within), maxDeliveries });
  }

  /** Messages that a backend stored, in the order they were published. Replays are not publishes. */
  published<T = unknown>(topic: string): readonly PublishedMessage<T>[] {
    return this.#stage.spy.published(topic) as readonly PublishedMessage<T>[];
  }

  /**
   * Runs of the handler that returned, in that order: a message that came twice is here twice, unless the handler is
   * idempotent. `data` is what the handler got. Throws NotConsumedError.
   */
  handled<T = unknown>(subscription: string): readonly HandledMessage<T>[] {
    this.#stage.checkSubscription(subscription);
    return this.#stage.spy.handled(subscription) as readonly HandledMessage<T>[];
  }

  /** Messages that were given up, in that order. Throws NotConsumedError. */
  deadLettered<T = unknown>(subscription: string): readonly DeadLetteredMessage<T>[] {
    this.#stage.checkSubscription(subscription);
    return this.#stage.spy.deadLettered(subscription) as readonly DeadLetteredMessage<T>[];
  }

  /**
   * Between two tests with one application: waits for running handlers, then forgets all messages, dead letters,
   * idempotency keys and other entries of stores, what the spies saw and what was still to go wrong. Time is not
   * turned back. Throws NotSettledError.
   */
  async reset(): Promise<void> {
    const { script, memories, spy } = this.#stage;
    script.clear();
    await memories.clear();
    await this.settled();
    await memories.clear();
    spy.clear();
  }

  onModuleInit(): void {
    this.#stage.watch(this.#moduleRef.get(QueueRegistry, { strict: false }));
  }
}
