import type { Ambient } from '../ambient/ambient.js';
import { sleep } from '../ambient/clock.js';
import type { Backend, Receiver } from '../backend/backend.js';
import { UnknownSubscriptionError, UnsupportedError } from '../backend/backend.errors.js';
import type { Delivery } from '../message/delivery.js';
import { exponential } from '../policies/backoff.js';

const LEASE_MS = 30_000;
/** What a process that died leaves behind goes after this long. */
const EXPIRES_AFTER_MS = 60_000;
const MOST_AT_ONCE = 100;
const RECONNECT = exponential('100ms', { cap: '5s' });

export interface ReplyInboxOptions {
  readonly backend: Backend;
  readonly ambient: Ambient;
  /** Of the subscription and of its own topic; nobody else has it. */
  readonly name: string;
  /** Never throws. */
  readonly take: (delivery: Delivery) => void;
}

/** The private, ephemeral subscription in which a process gets its replies. Opened when first asked for. */
export class ReplyInbox {
  readonly #stop = new AbortController();
  #opening: Promise<void> | undefined;
  #receiver: Receiver | undefined;
  #loop: Promise<void> = Promise.resolve();
  readonly #topics: Set<string>;

  constructor(private readonly options: ReplyInboxOptions) {
    this.#topics = new Set([options.name]);
  }

  get name(): string {
    return this.options.name;
  }

  /** Hears another topic too, from when this resolves. */
  async listenTo(topic: string): Promise<void> {
    await this.ready();
    if (this.#topics.has(topic)) return;
    await this.#ensure(topic);
    this.#topics.add(topic);
  }

  /** Resolves when replies can come. A failure is forgotten, so that the next request tries again. */
  async ready(): Promise<void> {
    this.#opening ??= this.#start();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Takes the subscription with it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening?.catch(() => undefined);
    await this.#loop;
    await this.#receiver?.close();
  }

  async #start(): Promise<void> {
    await this.#open();
    this.#loop = this.#run();
  }

  async #open(): Promise<void> {
    const { backend, name } = this.options;
    await backend.ensure({ subscriptions: [] }, 'check'); // what it can is known once it is open
    if (!backend.capabilities.ephemeral) {
      const remedy = 'send requests over a backend with ephemeral subscriptions';
      throw new UnsupportedError(
        backend.name,
        'take replies in a subscription that goes with this process',
        remedy,
      );
    }
    await this.#ensure();
    this.#receiver = await backend.open({ name, topics: [...this.#topics], leaseMs: LEASE_MS });
  }

  async #ensure(...more: readonly string[]): Promise<void> {
    const { backend, name } = this.options;
    const topology = { name, topics: [...this.#topics, ...more], expiresAfterMs: EXPIRES_AFTER_MS };
    await backend.ensure({ subscriptions: [topology] }, 'create');
  }

  async #run(): Promise<void> {
    const { clock, random } = this.options.ambient;
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        await this.#takeSome(this.#receiver as Receiver);
        failures = 0;
      } catch (error) {
        await sleep(clock, RECONNECT(++failures, random.next()), this.#stop.signal);
        if (error instanceof UnknownSubscriptionError) await this.#reopen();
      }
    }
  }

  async #takeSome(receiver: Receiver): Promise<void> {
    const { backend, take } = this.options;
    const most = Math.min(
      MOST_AT_ONCE,
      backend.capabilities.batch.receive,
      backend.capabilities.batch.settle,
    );
    const deliveries = await receiver.receive(most, this.#stop.signal);
    if (deliveries.length === 0) return nextTurn();
    for (const delivery of deliveries) take(delivery);
    await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
  }

  /** It expired while this process slept; who waits still waits. */
  async #reopen(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const gone = this.#receiver;
    await this.#open().catch(() => undefined); // the next receive says so again
    if (this.#receiver !== gone) await gone?.close();
  }
}

/** A backend that answers at once with nothing must not hold up everything else. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
