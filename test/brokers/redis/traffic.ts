import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import type { Backend, Delivery, Outgoing, PublishResult, Receiver } from '@pigeonpost/queue';
import type { OpenedBackends } from './opened.js';

export const TOPIC = 'orders';
export const SUBSCRIPTION = 'billing';
export const LEASE_MS = 1_500;
const PAUSE_MS = 5;

export function message(id: string, given: Partial<Outgoing> = {}): Outgoing {
  const absent = { to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  return { ...absent, topic: TOPIC, id, body: `{"id":"${id}"}`, headers: {}, ...given };
}

/** Publishers and consumers of one subscription that go on through every outage, and what they were told. */
export class Traffic {
  /** Ids by the last answer to their publish. */
  readonly stored = new Set<string>();
  readonly unknown = new Set<string>();
  /** Ids of what was handled, as often as it was. */
  readonly handled: string[] = [];
  readonly thrown: unknown[] = [];
  #sent = 0;
  #isPublishing = true;
  #isConsuming = true;
  readonly #publishing: Promise<void>;
  readonly #consuming: Promise<void>;

  private constructor(
    readonly publisher: Backend,
    receivers: readonly Receiver[],
  ) {
    this.#publishing = this.#publish();
    this.#consuming = Promise.all(receivers.map((receiver) => this.#consume(receiver))).then(() => undefined);
    this.#consuming.catch(() => undefined);
  }

  static async over(backends: OpenedBackends, consumers = 2): Promise<Traffic> {
    const { backend } = await backends.open();
    const topics = [TOPIC];
    await backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics }] }, 'create');
    const receivers = Array.from({ length: consumers }, async () => {
      const opened = await backends.open();
      return opened.backend.open({ name: SUBSCRIPTION, topics, leaseMs: LEASE_MS });
    });
    return new Traffic(backend, await Promise.all(receivers));
  }

  get missing(): readonly string[] {
    const seen = new Set(this.handled);
    return [...this.stored].filter((id) => !seen.has(id));
  }

  /** Handled and never told to be stored, nor unknown. */
  get phantoms(): readonly string[] {
    return this.handled.filter((id) => !this.stored.has(id) && !this.unknown.has(id));
  }

  /** No more publishes; consumers go on. */
  async stopPublishing(): Promise<void> {
    this.#isPublishing = false;
    await this.#publishing;
  }

  async end(): Promise<void> {
    await this.stopPublishing();
    this.#isConsuming = false;
    await this.#consuming;
  }

  async #publish(): Promise<void> {
    while (this.#isPublishing) {
      const batch = Array.from({ length: 5 }, () => message(`m${++this.#sent}`));
      const results = await this.publisher.publish(batch);
      batch.forEach(({ id }, at) => this.#note(id, results[at] as PublishResult));
      await pause(PAUSE_MS);
    }
  }

  #note(id: string, { status }: PublishResult): void {
    if (status === 'stored') this.stored.add(id);
    if (status === 'unknown') this.unknown.add(id);
  }

  async #consume(receiver: Receiver): Promise<void> {
    const never = new AbortController().signal;
    while (this.#isConsuming) {
      const deliveries = await receiver.receive(20, never).catch((error: unknown) => this.#threw(error));
      await this.#acknowledge(receiver, deliveries);
      await turn();
    }
  }

  async #threw(error: unknown): Promise<readonly Delivery[]> {
    this.thrown.push(error);
    await pause(PAUSE_MS);
    return [];
  }

  async #acknowledge(receiver: Receiver, deliveries: readonly Delivery[]): Promise<void> {
    this.handled.push(...deliveries.map(({ id }) => id));
    await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
  }
}
