import { PayloadTooLargeError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Backend, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { Inspected, InspectQuery } from '../../backend/inspect.js';
import type { Drift, SubscriptionSpec, Topology } from '../../backend/topology.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import type { RelayReport } from '../../relay/relay-report.js';
import { remembered } from './carried-history.js';
import { DelayLane, type DelayStoreOptions } from './delay-lane.js';
import { DelayStoreReceiver } from './delay-store.receiver.js';
import { delayingCapabilities, isBeyond, type LeavingRetries, retriesLeaving } from './leaving-retries.js';

/**
 * A backend that delays for as long as another backend can: what this one cannot delay waits in a private subscription
 * there and is relayed when it is due, confirmed before it is forgotten. At least once: a crash in between publishes it
 * again with the same id. Retries go this way too, where this backend has lanes to bring them back by.
 */
export class DelayStoreBackend extends ForwardingBackend {
  readonly #later: Backend;
  readonly #options: DelayStoreOptions;
  readonly #lane: DelayLane;

  constructor(inner: Backend, options: DelayStoreOptions) {
    super(inner);
    this.#options = options;
    this.#later = options.later;
    this.#lane = new DelayLane(inner, options);
  }

  override get capabilities(): Capabilities {
    return delayingCapabilities(this.inner.capabilities, this.#later.capabilities);
  }

  /** Which retries wait elsewhere. Known once both backends are open. */
  get leaving(): LeavingRetries | undefined {
    return retriesLeaving(this.inner.capabilities, this.#later.capabilities);
  }

  /** How far the relay of this process has come; undefined before it was started. */
  get report(): RelayReport | undefined {
    return this.#lane.report;
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const drifts = await this.inner.ensure(topology, mode);
    await this.#lane.start(); // not before: what is relayed to nobody is refused for good
    return drifts;
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    await this.#lane.start();
    const receiver = await this.inner.open(spec);
    const { leaving } = this;
    if (leaving === undefined) return receiver;
    const { lease } = this.inner.capabilities;
    return new DelayStoreReceiver(receiver, {
      lane: this.#lane,
      leaving,
      clock: this.#options.ambient.clock,
      renews: lease !== false && lease.extend,
    });
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    const waiting = query.kind === 'cancel' ? await this.#lane.cancel(query.id) : 0;
    for await (const found of this.inner.inspect(query)) {
      if (found.kind === 'message') yield remembered(found);
      else yield found.kind === 'purged' ? { ...found, count: found.count + waiting } : found;
    }
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const routes = batch.map((message) => this.#route(message, call));
    if (routes.every((route) => route === 'now')) return this.inner.publish(batch, call);
    const going = (way: Route): readonly Outgoing[] => batch.filter((_, at) => routes[at] === way);
    const [now, later] = await Promise.all([
      routes.includes('now') ? this.inner.publish(going('now'), call) : [],
      routes.includes('later') ? this.#lane.keep(going('later')) : [],
    ]);
    const results = { now: now.values(), later: later.map(asKept).values() };
    return routes.map((route): PublishResult => {
      if (typeof route !== 'string') return { status: 'refused', error: route };
      return results[route].next().value as PublishResult;
    });
  }

  /** What would be refused when it is due is refused now, as far as it can be known. */
  #route({ delayMs, body }: Outgoing, call: PublishCall | undefined): Route {
    const { delay, maxBytes: largest } = this.inner.capabilities;
    const isLate = isBeyond(delayMs, delay.publish);
    if (isLate && call?.tx !== undefined) {
      return new UnsupportedError(
        this.name,
        'delay a publish in a transaction',
        'publish it without a delay',
      );
    }
    const { maxBytes } = this.capabilities;
    const isTooLarge = (isLate || maxBytes < largest) && byteLength(body) > maxBytes;
    if (isTooLarge) return new PayloadTooLargeError(this.name, byteLength(body), maxBytes);
    return isLate ? 'later' : 'now';
  }

  override async close(deadline: Date): Promise<void> {
    await this.#lane.close(deadline);
    await this.inner.close(deadline);
  }
}

/** Where a message is published, or why nowhere. */
type Route = 'now' | 'later' | QueueError;

function asKept(result: PublishResult): PublishResult {
  return result.status === 'stored' ? KEPT : result;
}

/** How many subscriptions will get it is known when it is due. */
const KEPT: PublishResult = Object.freeze({ status: 'stored', copies: 0 });
