import {
  type Ambient,
  type Backend,
  BackendClosedError,
  type BackendFactory,
  type BackendStatus,
  type Capabilities,
  checkTopology,
  type Drift,
  type Inspected,
  type InspectQuery,
  objectionTo,
  type Outgoing,
  type PublishCall,
  type PublishResult,
  type Receiver,
  type SubscriptionSpec,
  type Topology,
  UnknownSubscriptionError,
  UnroutableError,
} from '@pigeonpost/queue';
import { IsInstance } from 'class-validator';
import { inspect } from './shelf.inspector.js';
import { ShelfReceiver } from './shelf.receiver.js';
import { Shelf } from './shelf.js';

const MAX_LEASE_MS = 86_400_000;
const EXACT = { kind: 'exact', maxMs: 1e12, resolutionMs: 10 } as const;

/** What arrays can do, and no more: no priorities, no order, no time to live, no transactions. */
const CAPABILITIES: Capabilities = {
  durable: 'process',
  confirm: 'routed',
  ack: 'message',
  lease: { extend: true, maxMs: MAX_LEASE_MS },
  attempts: 'counted-on-crash',
  uncountedRelease: true,
  delay: { publish: EXACT, retry: EXACT },
  order: 'none',
  onRetry: 'breaks',
  onDead: 'skip',
  fanout: 'named',
  wildcards: false,
  ephemeral: false,
  lane: true,
  dead: 'native-reason',
  dedup: false,
  cancel: false,
  log: false,
  bounds: false,
  priority: 1,
  ttl: 'none',
  tx: 'none',
  batch: { publish: 100, receive: 100, settle: 100 },
  maxBytes: 100_000,
  depth: 'exact',
  browse: 'all',
  hosts: 'process',
};

export class ShelfOptions {
  @IsInstance(Shelf)
  shelf!: Shelf;
}

export const shelfBackend: BackendFactory<ShelfOptions> = {
  kind: 'shelf',
  optionsClass: ShelfOptions,
  open: (name, { shelf }, ambient) => Promise.resolve({ backend: new ShelfBackend(name, shelf, ambient) }),
};

class ShelfBackend implements Backend {
  readonly capabilities = CAPABILITIES;
  readonly #since: number;
  #closed = false;
  #lastProgressAt: number | undefined;

  constructor(
    readonly name: string,
    private readonly shelf: Shelf,
    private readonly ambient: Ambient,
  ) {
    this.#since = ambient.clock.now();
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    checkTopology(topology, this);
    if (mode === 'create')
      for (const { name, topics } of topology.subscriptions) this.shelf.add(name, topics);
    return topology.subscriptions.flatMap((declared) => this.#drift(declared));
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    if (this.#closed) throw new BackendClosedError(this.name, 'publish');
    this.#lastProgressAt = this.ambient.clock.now();
    return batch.map((message) => this.#publishOne(message, call));
  }

  async open({ name, leaseMs }: SubscriptionSpec): Promise<Receiver> {
    if (this.#closed) throw new BackendClosedError(this.name, 'open a subscription');
    if (!this.shelf.items.has(name)) throw new UnknownSubscriptionError(this.name, name);
    const { shelf, ambient, name: backend } = this;
    return new ShelfReceiver({
      shelf,
      ambient,
      backend,
      subscription: name,
      leaseMs,
      maxLeaseMs: MAX_LEASE_MS,
      isClosed: () => this.#closed,
    });
  }

  async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    if (this.#closed) throw new BackendClosedError(this.name, 'inspect');
    yield* inspect(this.name, this.shelf, query, this.ambient.clock.mono());
  }

  status(): BackendStatus {
    const state = this.#closed ? 'down' : 'up';
    return { state, since: this.#since, lastError: undefined, lastProgressAt: this.#lastProgressAt };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #publishOne(message: Outgoing, call: PublishCall | undefined): PublishResult {
    const listeners = this.shelf.listeners(message);
    const error =
      objectionTo(message, call, this) ??
      (listeners.length === 0 ? new UnroutableError(this.name, message.topic, message.to) : undefined);
    if (error !== undefined) return { status: 'refused', error };
    const place = this.ambient.clock.mono() + (message.delayMs ?? 0);
    const { body, headers } = message;
    const start = {
      place,
      readyAt: place,
      leased: false,
      deliveries: 0,
      releases: 0,
      failed: 0,
      failures: [],
    };
    const publishedWall = this.ambient.clock.now();
    const own = typeof body === 'string' ? body : body.slice();
    for (const name of listeners)
      this.shelf.put(name, { message, body: own, headers, publishedWall, ...start });
    return { status: 'stored', copies: listeners.length };
  }

  #drift({ name, topics }: Topology['subscriptions'][number]): readonly Drift[] {
    const actual = this.shelf.topics.get(name);
    if (actual === undefined) return [{ kind: 'missing-subscription', subscription: name, topic: undefined }];
    const drift =
      (kind: Drift['kind']) =>
      (topic: string): Drift => ({ kind, subscription: name, topic });
    return [
      ...topics.filter((topic) => !actual.has(topic)).map(drift('missing-topic')),
      ...[...actual].filter((topic) => !topics.includes(topic)).map(drift('extra-topic')),
    ];
  }
}
