import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  UnknownSubscriptionError,
  UnorderedSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { Backend, BackendStatus, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import type { Drift, SubscriptionSpec, Topology } from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import { memoryCapabilities } from './memory.capabilities.js';
import type { Stamp } from './memory.copy.js';
import { browse, cancel, depthOf, expire, purge, revive } from './memory.inspector.js';
import { MemoryPublisher } from './memory.publisher.js';
import { MemoryReceiver } from './memory.receiver.js';
import { repeat } from './memory.results.js';
import type { MemorySubscription } from './memory.subscription.js';
import { type MemoryLimits, MemoryTopology } from './memory.topology.js';

const NOW = Promise.resolve();

/** Everything in one process. The strictest backend: what works here by luck would not work elsewhere. */
export class MemoryBackend implements Backend {
  readonly capabilities: Capabilities;
  readonly #topology: MemoryTopology;
  readonly #publisher: MemoryPublisher;
  readonly #openedAt: number;
  #lastProgressAt: number | undefined;
  #closed = false;
  /** When the present turn of the event loop brought its first `publishNow`. */
  #turn: Stamp | undefined;

  constructor(
    readonly name: string,
    limits: MemoryLimits,
    private readonly ambient: Ambient,
  ) {
    this.capabilities = Object.freeze({ ...memoryCapabilities, maxBytes: limits.maxBytes });
    this.#topology = new MemoryTopology(name, ambient.clock, limits);
    this.#publisher = new MemoryPublisher(name, limits.maxBytes, this.#topology);
    this.#openedAt = ambient.clock.now();
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    this.#checkOpen('ensure a topology');
    return mode === 'create' ? this.#topology.create(topology) : this.#topology.compare(topology);
  }

  publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    if (this.#closed) return Promise.reject(new BackendClosedError(this.name, 'publish'));
    const refusal = call === undefined ? undefined : this.#refusal(call);
    if (refusal !== undefined) {
      return Promise.resolve(repeat<PublishResult>({ status: 'refused', error: refusal }, batch.length));
    }
    const stamp = this.#stamp();
    this.#lastProgressAt = stamp.wallMs;
    const results = this.#publisher.storeAll(batch, stamp);
    this.#topology.wakeAll(stamp.monoMs);
    return results;
  }

  publishNow(message: Outgoing): PublishResult {
    if (this.#closed) return { status: 'refused', error: new BackendClosedError(this.name, 'publish') };
    const turn = this.#turn ?? this.#beginTurn();
    // A delay or a life that begins now must not begin with the turn.
    const isTimed =
      message.delayMs !== undefined || message.ttlMs !== undefined || message.dedup !== undefined;
    return this.#publisher.store(message, isTimed ? this.#stamp() : turn);
  }

  async open(spec: SubscriptionSpec): Promise<Receiver> {
    this.#checkOpen('open a subscription');
    const subscription = this.#subscription(spec.name);
    const { maxMs } = memoryCapabilities.lease;
    if (!(spec.leaseMs > 0 && spec.leaseMs <= maxMs)) {
      throw new UnsupportedError(
        this.name,
        `lease for ${spec.leaseMs} ms`,
        `use more than 0 and at most ${maxMs}`,
      );
    }
    if (spec.order !== undefined && subscription.keys === undefined) {
      throw new UnorderedSubscriptionError(this.name, spec.name);
    }
    return new MemoryReceiver(subscription, this.ambient.clock, spec, () => this.#leave(subscription));
  }

  async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    this.#checkOpen('inspect');
    switch (query.kind) {
      case 'depth':
        for (const subscription of this.#named(query.subscription)) yield depthOf(subscription);
        return;
      case 'browse':
        yield* browse(this.#subscription(query.subscription), query);
        return;
      case 'purge':
        yield purge(this.#subscription(query.subscription), query);
        return;
      case 'expire':
        yield expire(this.#subscription(query.subscription), query.before);
        return;
      case 'revive':
        yield revive(this.#subscription(query.subscription), query);
        return;
      case 'cancel':
        yield { kind: 'purged', count: this.#cancel(query.id) };
        return;
    }
  }

  #cancel(id: string): number {
    const monoMs = this.ambient.clock.mono();
    const cancelled = [...this.#topology.subscriptions()].flatMap((subscription) => cancel(subscription, id));
    const retained = [...this.#topology.logs.all()].flatMap((log) => log.cancel(id, monoMs));
    for (const { message } of [...cancelled, ...retained]) this.#publisher.dedup.forget(message);
    return cancelled.length;
  }

  status(): BackendStatus {
    return {
      state: this.#closed ? 'down' : 'up',
      since: this.#openedAt,
      lastError: undefined,
      lastProgressAt: this.#lastProgressAt,
    };
  }

  async close(_deadline: Date): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#topology.subscriptions()) subscription.close();
  }

  #leave(subscription: MemorySubscription): void {
    if (subscription.expiresAfterMs !== undefined) this.#topology.remove(subscription);
  }

  #stamp(): Stamp {
    const { clock } = this.ambient;
    return { wallMs: clock.now(), monoMs: clock.mono() };
  }

  #beginTurn(): Stamp {
    const stamp = this.#stamp();
    this.#lastProgressAt = stamp.wallMs;
    this.#turn = stamp;
    void NOW.then(this.#endTurn);
    return stamp;
  }

  /** Who waits gets all that the turn brought. */
  readonly #endTurn = (): void => {
    this.#turn = undefined;
    if (this.#topology.anyoneWaits()) this.#topology.wakeAll(this.ambient.clock.mono());
  };

  #refusal(call: PublishCall): QueueError | undefined {
    if (call.tx !== undefined) {
      return new UnsupportedError(
        this.name,
        'join a transaction',
        'publish after the commit, or use an outbox',
      );
    }
    if (call.signal?.aborted)
      return new BackendUnavailableError(this.name, 'publish', 'the caller gave up before');
    return undefined;
  }

  #named(name: string | undefined): Iterable<MemorySubscription> {
    return name === undefined ? this.#topology.subscriptions() : [this.#subscription(name)];
  }

  #subscription(name: string): MemorySubscription {
    const subscription = this.#topology.find(name);
    if (subscription === undefined) throw new UnknownSubscriptionError(this.name, name);
    return subscription;
  }

  #checkOpen(doing: string): void {
    if (this.#closed) throw new BackendClosedError(this.name, doing);
  }
}
