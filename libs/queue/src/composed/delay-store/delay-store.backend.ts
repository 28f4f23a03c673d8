import type { Ambient } from '../../ambient/ambient.js';
import { sleep } from '../../ambient/clock.js';
import { PayloadTooLargeError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Backend, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { Drift, SubscriptionSpec, Topology } from '../../backend/topology.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import { ConfirmedPublish } from '../../relay/confirmed-publish.js';
import { type DeliveryItem, ReceiverSource } from '../../relay/receiver-source.js';
import { Relay } from '../../relay/relay.js';
import type { RelayReport } from '../../relay/relay-report.js';
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

/**
 * A backend whose publishes can be delayed for as long as another backend can: what this one cannot delay waits in a private
 * subscription there and is relayed when it is due, confirmed before it is forgotten. At least once: a crash in between
 * publishes it again with the same id.
 */
export class DelayStoreBackend extends ForwardingBackend {
  readonly #options: DelayStoreOptions;
  readonly #lane: string;
  readonly #park: ConfirmedPublish;
  readonly #stop = new AbortController();
  #relay: Relay<DeliveryItem> | undefined;
  #ready: Promise<void> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(inner: Backend, options: DelayStoreOptions) {
    super(inner);
    this.#options = options;
    this.#lane = `delayed.${inner.name}`;
    this.#park = new ConfirmedPublish(options.later, options.ambient.clock);
  }

  override get capabilities(): Capabilities {
    const { capabilities } = this.inner;
    const { publish } = this.#options.later.capabilities.delay;
    const depth = capabilities.depth === 'none' ? 'none' : 'approx'; // what waits is counted where it waits
    return { ...capabilities, depth, delay: { ...capabilities.delay, publish } };
  }

  /** How far the relay of this process has come; undefined before it was started. */
  get report(): RelayReport | undefined {
    return this.#relay?.report;
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const drifts = await this.inner.ensure(topology, mode);
    await this.#start(); // not before: what is relayed to nobody is refused for good
    return drifts;
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    await this.#start();
    return this.inner.open(spec);
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const isLate = batch.map((message) => this.#isBeyond(message));
    if (!isLate.includes(true)) return this.inner.publish(batch, call);
    const early = batch.filter((_, at) => !isLate[at]);
    const late = batch.filter((_, at) => isLate[at]);
    const [now, later] = await Promise.all([
      early.length === 0 ? [] : this.inner.publish(early, call),
      this.#publishLater(late, call),
    ]);
    const [fromNow, fromLater] = [now.values(), later.values()];
    return isLate.map((isOne) => (isOne ? fromLater : fromNow).next().value as PublishResult);
  }

  /** Lets the batch under way end; what waits is relayed by the next process. */
  override async close(deadline: Date): Promise<void> {
    this.#stop.abort();
    const { clock } = this.#options.ambient;
    const over = new AbortController();
    const ended = this.#running.catch(() => undefined).then(() => over.abort());
    await Promise.race([ended, sleep(clock, Math.max(0, deadline.getTime() - clock.now()), over.signal)]);
    await this.inner.close(deadline);
  }

  #isBeyond({ delayMs }: Outgoing): boolean {
    if (delayMs === undefined || delayMs <= 0) return false;
    const { publish } = this.inner.capabilities.delay;
    return publish === false || delayMs > publish.maxMs;
  }

  async #publishLater(late: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const { clock } = this.#options.ambient;
    const refusals = late.map((message) => this.#refusal(message, call));
    const good = late.filter((_, at) => refusals[at] === undefined);
    try {
      await this.#start();
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      return refusals.map((refusal) => ({ status: 'refused', error: refusal ?? error }));
    }
    const parked = good.map((message) => park(message, this.#lane, clock.now()));
    const results = (await this.#park.publish(parked, PARK_TIMEOUT_MS)).values();
    return refusals.map((error): PublishResult => {
      if (error !== undefined) return { status: 'refused', error };
      const result = results.next().value as PublishResult;
      return result.status === 'stored' ? KEPT : result;
    });
  }

  /** What would be refused when it is due is refused now, as far as it can be known. */
  #refusal({ body }: Outgoing, call: PublishCall | undefined): QueueError | undefined {
    if (call?.tx !== undefined) {
      return new UnsupportedError(
        this.name,
        'delay a publish in a transaction',
        'publish it without a delay',
      );
    }
    const { maxBytes } = this.inner.capabilities;
    const bytes = byteLength(body);
    return bytes > maxBytes ? new PayloadTooLargeError(this.name, bytes, maxBytes) : undefined;
  }

  /** Once; after a failure, again with the next call. */
  #start(): Promise<void> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #begin(): Promise<void> {
    const { later } = this.#options;
    const lane = { name: this.#lane, topics: [this.#lane] };
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
      name: this.#lane,
      source: new ReceiverSource({ name: this.#lane, receiver, clock: ambient.clock, host }),
      target: this.inner,
      ambient,
      change: (message) => unpark(message, ambient.clock.now()),
      batch: Math.min(BATCH, batch.receive, batch.settle),
      timeoutMs: LEASE_MS / 2,
    });
  }
}

/** How many subscriptions will get it is known when it is due. */
const KEPT: PublishResult = Object.freeze({ status: 'stored', copies: 0 });
