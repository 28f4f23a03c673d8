import type { Backend, Delivery, Outgoing, PublishResult, Receiver } from '@pigeonpost/queue';
import { rabbitmqBackend, type RabbitmqOptions } from '@pigeonpost/queue/rabbitmq';
import { realTime, testAmbient } from '@pigeonpost/queue/testing';
import { removeQueues } from './remove-queues.js';

export const ORDERS = 'orders';
export const WORK = 'work';
const CLOSE_WITHIN_MS = 2_000;
const LEASE_MS = 30_000;
let shops = 0;

/** One topic, one subscription, and the moves of a shop on a broker; frees all of it. */
export class Shop {
  readonly prefix = `spec-${process.pid}-${++shops}`;
  readonly time = realTime();
  readonly ambient = testAmbient(this.time.clock, shops);
  readonly #opened: Backend[] = [];
  #count = 0;

  constructor(
    readonly url: string,
    private readonly options: Partial<RabbitmqOptions> = {},
  ) {}

  async open(more: Partial<RabbitmqOptions> = {}): Promise<Backend> {
    const options = { url: this.url, prefix: this.prefix, ...this.options, ...more };
    const { backend } = await rabbitmqBackend.open('events', options, this.ambient);
    this.#opened.push(backend);
    await backend.ensure({ subscriptions: [{ name: WORK, topics: [ORDERS] }] }, 'create');
    return backend;
  }

  message(given: Partial<Outgoing> = {}): Outgoing {
    const id = `m${this.#count++}`;
    const plain = { topic: ORDERS, to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined };
    return { ...plain, id, body: id, headers: {}, event: undefined, ...given };
  }

  async publish(backend: Backend, given: Partial<Outgoing> = {}): Promise<PublishResult> {
    const [result] = await backend.publish([this.message(given)]);
    return result as PublishResult;
  }

  receiver(backend: Backend): Promise<Receiver> {
    return backend.open({ name: WORK, topics: [ORDERS], leaseMs: LEASE_MS });
  }

  /** The next delivery; throws when none comes. */
  async take(receiver: Receiver, withinMs = 20_000): Promise<Delivery> {
    const endsAt = this.time.clock.mono() + withinMs;
    const abort = new AbortController();
    while (this.time.clock.mono() < endsAt) {
      const [delivery] = await receiver.receive(1, abort.signal);
      if (delivery !== undefined) return delivery;
    }
    throw new Error(`nothing came within ${withinMs} ms`);
  }

  until(condition: () => boolean, withinMs = 20_000): Promise<void> {
    return this.time.until(condition, withinMs);
  }

  async close(): Promise<void> {
    for (const backend of this.#opened.splice(0))
      await backend.close(new Date(this.ambient.clock.now() + CLOSE_WITHIN_MS));
  }

  /** The same, and removes what is left. `url`: where the broker is, when a network stands before it. */
  async dispose(url = this.url): Promise<void> {
    await this.close();
    await removeQueues(url, this.prefix, [WORK]);
  }
}
