import type { Ambient } from '../../ambient/ambient.js';
import { sleep } from '../../ambient/clock.js';
import type { Backend, PublishResult, Receiver } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import { ConfirmedPublish } from '../../relay/confirmed-publish.js';
import { type DeliveryItem, ReceiverSource } from '../../relay/receiver-source.js';
import { Relay } from '../../relay/relay.js';
import type { RelayReport } from '../../relay/relay-report.js';
import { isRetry } from './carried-history.js';
import { park, unpark } from './parked-message.js';

export interface DelayStoreOptions {
  /** Where delayed messages wait. It has exact delays and lanes. */
  readonly later: Backend;
  readonly ambient: Ambient;
  /** `hostname:pid`, for failure records. */
  readonly host: string;
}

const LEASE_MS = 20_000;
const PARK_TIMEOUT_MS = 20_000;
const BATCH = 256;

/** The private subscription over there where the delayed messages of one backend wait, and the relay that brings them back. */
export class DelayLane {
  readonly #name: string;
  readonly #target: Backend;
  readonly #options: DelayStoreOptions;
  readonly #publish: ConfirmedPublish;
  readonly #stop = new AbortController();
  #relay: Relay<DeliveryItem> | undefined;
  #ready: Promise<void> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** `target`: whose messages they are. */
  constructor(target: Backend, options: DelayStoreOptions) {
    this.#name = `delayed.${target.name}`;
    this.#target = target;
    this.#options = options;
    this.#publish = new ConfirmedPublish(options.later, options.ambient.clock);
  }

  /** Undefined before it was started. */
  get report(): RelayReport | undefined {
    return this.#relay?.report;
  }

  /** Begins to bring back what is due. Once; after a failure, again with the next call. */
  start(): Promise<void> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** Keeps each message for its `delayMs`. One result per message, in time. Rejects for mistakes of ours only. */
  async keep(messages: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    try {
      await this.start();
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      return messages.map(() => ({ status: 'refused', error }));
    }
    const nowMs = this.#options.ambient.clock.now();
    const parked = messages.map((message) => park(message, this.#name, nowMs));
    return this.#publish.publish(parked, PARK_TIMEOUT_MS);
  }

  /** Takes back the publishes of this id that wait; answers how many. A retry stays: its message was handled before. */
  async cancel(id: string): Promise<number> {
    await this.start();
    const subscription = this.#name;
    const query = { kind: 'browse', subscription, state: 'delayed', limit: BATCH, id } as const;
    let count = 0;
    for await (const found of this.#options.later.inspect(query)) {
      if (found.kind === 'message' && !isRetry(found.headers)) count += await this.#purge(found.ref);
    }
    return count;
  }

  async #purge(ref: string): Promise<number> {
    const query = { kind: 'purge', subscription: this.#name, state: 'delayed', ref } as const;
    let count = 0;
    for await (const found of this.#options.later.inspect(query))
      if (found.kind === 'purged') count += found.count;
    return count;
  }

  /** Lets the batch under way end; what waits is brought back by the next process. */
  async close(deadline: Date): Promise<void> {
    this.#stop.abort();
    const { clock } = this.#options.ambient;
    const over = new AbortController();
    const ended = this.#running.catch(() => undefined).then(() => over.abort());
    await Promise.race([ended, sleep(clock, Math.max(0, deadline.getTime() - clock.now()), over.signal)]);
  }

  async #begin(): Promise<void> {
    const { later } = this.#options;
    const lane = { name: this.#name, topics: [this.#name] };
    await later.ensure({ subscriptions: [lane] }, 'create');
    const receiver = await later.open({ ...lane, leaseMs: LEASE_MS });
    if (this.#stop.signal.aborted) return receiver.close();
    const relay = this.#makeRelay(receiver);
    this.#relay = relay;
    this.#running = relay.run(this.#stop.signal).then(() => receiver.close());
  }

  #makeRelay(receiver: Receiver): Relay<DeliveryItem> {
    const { later, ambient, host } = this.#options;
    const { batch } = later.capabilities;
    return new Relay({
      name: this.#name,
      source: new ReceiverSource({ name: this.#name, receiver, clock: ambient.clock, host }),
      target: this.#target,
      ambient,
      change: (message) => unpark(message, ambient.clock.now()),
      batch: Math.min(BATCH, batch.receive, batch.settle),
      timeoutMs: LEASE_MS / 2,
    });
  }
}
