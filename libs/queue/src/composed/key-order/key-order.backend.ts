import { sleep } from '../../ambient/clock.js';
import type { Backend, Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { UnorderedSubscriptionError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import { type KeyOrder, STRICT_ORDER } from '../../backend/key-order.js';
import type { Drift, SubscriptionSpec, SubscriptionTopology, Topology } from '../../backend/topology.js';
import type { Delivery } from '../../message/delivery.js';
import { Gate, type GateParts } from './gate.js';
import { gatedCapabilities } from './key-gate.js';
import { ParkKeys } from './park-record.js';
import { isParkRef, ParkInspector } from './park-inspector.js';

/**
 * An order by key for a backend that only keeps the order of a whole subscription: one process at a time handles it, and
 * what has to wait for its key waits in a store. Subscriptions without an order are not touched.
 */
export class KeyOrderBackend extends ForwardingBackend {
  readonly publishNow: Backend['publishNow'];
  readonly publishEach: Backend['publishEach'];
  readonly #parts: Omit<GateParts, 'inner'>;
  readonly #gates = new Map<string, Gate>();
  /** Gates that were given up and are not closed yet. */
  readonly #closing = new Set<Promise<void>>();
  /** Subscriptions that are known to have an order, which they keep. */
  readonly #ordered = new Set<string>();

  /** The inner backend must be one that `objectionToGate` has nothing against. */
  constructor(inner: Backend, parts: Omit<GateParts, 'inner'>) {
    super(inner);
    this.#parts = parts;
    this.publishNow = inner.publishNow?.bind(inner);
    this.publishEach = inner.publishEach?.bind(inner);
  }

  override get capabilities(): Capabilities {
    return gatedCapabilities(this.inner.capabilities);
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const wanted = topology.subscriptions.filter(({ order }) => order !== undefined);
    for (const declared of wanted) this.#refuseEphemeral(declared);
    const subscriptions = topology.subscriptions.map((declared) => ({ ...declared, order: undefined }));
    const drifts = await this.inner.ensure({ ...topology, subscriptions }, mode);
    const missing = new Set(
      drifts.flatMap(({ kind, subscription }) => (kind === 'missing-subscription' ? [subscription] : [])),
    );
    const unordered: Drift[] = [];
    for (const { name } of wanted) {
      if (missing.has(name) || (await this.#isOrdered(name))) continue;
      if (mode === 'create') await this.#giveOrder(name);
      else unordered.push({ kind: 'missing-order', subscription: name, topic: undefined });
    }
    return [...drifts, ...unordered];
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    if (!(await this.#isOrdered(spec.name))) {
      if (spec.order === undefined) return this.inner.open(spec);
      throw new UnorderedSubscriptionError(this.name, spec.name);
    }
    const gate = this.#gateOf(spec);
    gate.enter();
    return new GatedReceiver(gate, spec.order ?? STRICT_ORDER, (receiver) => this.#left(gate, receiver));
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    const found = this.inner.inspect(query);
    if (query.kind === 'cancel') return yield* found;
    if (query.kind === 'depth') {
      for await (const item of found) yield item.kind === 'depth' ? await this.#depth(item) : item;
      return;
    }
    const park = (await this.#isOrdered(query.subscription)) ? this.#parkOf(query.subscription) : undefined;
    if (park === undefined) return yield* found;
    if (query.kind === 'browse') return yield* this.#browse(query, park);
    if (query.kind === 'revive') yield { kind: 'revived', count: await park.revive(query) };
    else yield { kind: 'purged', count: await this.#purge(query, park) };
    await this.#gates.get(query.subscription)?.refresh();
  }

  /** Gives the rights back, as far as broker and store answer in time: what is not given back ends by itself. */
  override async close(deadline: Date): Promise<void> {
    const { clock } = this.#parts.ambient;
    const over = new AbortController();
    const closing = [...this.#closing, ...[...this.#gates.values()].map((gate) => gate.close())];
    const closed = Promise.allSettled(closing).then(() => over.abort());
    await Promise.race([closed, sleep(clock, Math.max(0, deadline.getTime() - clock.now()), over.signal)]);
    await this.inner.close(deadline);
  }

  #gateOf(spec: SubscriptionSpec): Gate {
    const before = this.#gates.get(spec.name);
    if (before !== undefined && !before.isClosed) return before;
    const gate = new Gate(spec, { ...this.#parts, inner: this.inner }, before?.close());
    this.#gates.set(spec.name, gate);
    return gate;
  }

  async #left(gate: Gate, receiver: object): Promise<void> {
    const leaving = gate.leave(receiver);
    this.#closing.add(leaving);
    await leaving;
    this.#closing.delete(leaving);
  }

  async #depth(broker: Inspected & { kind: 'depth' }): Promise<Inspected> {
    const { subscription } = broker;
    return (await this.#isOrdered(subscription)) ? this.#parkOf(subscription).depth(broker) : broker;
  }

  /** The broker's first, then those of the park: what is there has come later only as a rule. */
  async *#browse(query: InspectQuery & { kind: 'browse' }, park: ParkInspector): AsyncIterable<Inspected> {
    let left = query.limit;
    if (!isParkRef(query.after)) {
      for await (const item of this.inner.inspect(query)) {
        left--;
        yield item;
      }
    }
    if (left > 0) yield* park.browse({ ...query, limit: left });
  }

  async #purge(query: InspectQuery & { kind: 'purge' | 'expire' }, park: ParkInspector): Promise<number> {
    let count = 0;
    if (query.kind === 'expire' || !isParkRef(query.ref)) {
      for await (const item of this.inner.inspect(query)) if (item.kind === 'purged') count += item.count;
    }
    const isBrokers = query.kind === 'purge' && query.ref !== undefined && !isParkRef(query.ref);
    if (isBrokers) return count;
    return count + (query.kind === 'purge' ? await park.purge(query) : await park.expire(query.before));
  }

  #parkOf(subscription: string): ParkInspector {
    return new ParkInspector(this.#parts.store, subscription, () => this.#parts.ambient.clock.now());
  }

  async #isOrdered(subscription: string): Promise<boolean> {
    if (this.#ordered.has(subscription)) return true;
    const [entry] = await this.#parts.store.read([new ParkKeys(subscription).order]);
    if (entry === undefined) return false;
    this.#ordered.add(subscription);
    return true;
  }

  async #giveOrder(subscription: string): Promise<void> {
    const { order } = new ParkKeys(subscription);
    await this.#parts.store.write([{ op: 'put', key: order, value: 'key', if: 'absent' }]);
    this.#ordered.add(subscription);
  }

  #refuseEphemeral({ name, expiresAfterMs }: SubscriptionTopology): void {
    if (expiresAfterMs === undefined) return;
    throw new UnsupportedError(
      this.name,
      `give the ephemeral subscription "${name}" an order by key`,
      'make it durable, or use a backend with an order of its own',
    );
  }
}

/** One consumer's end of a subscription with an order. */
class GatedReceiver implements Receiver {
  #isClosed = false;

  constructor(
    private readonly gate: Gate,
    private readonly order: KeyOrder,
    private readonly left: (receiver: object) => Promise<void>,
  ) {}

  get isStandingBy(): boolean {
    return this.gate.isStandingBy;
  }

  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#isClosed) return Promise.resolve([]);
    return this.gate.receive(this, max, signal);
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.gate.settle(acts, this.order);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.left(this);
  }
}
