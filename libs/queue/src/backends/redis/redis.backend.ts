import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendClosedError,
  UnknownSubscriptionError,
  UnorderedSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type {
  Backend,
  BackendFactory,
  BackendStatus,
  OpenedBackend,
  PublishCall,
  PublishResult,
  Receiver,
  StatusListener,
} from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import { redactorOf } from '../../backend/redactor.js';
import { StatusRecord } from '../../backend/status-record.js';
import { checkTopology, type Drift, type SubscriptionSpec, type Topology } from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import { RedisBell } from './redis.bell.js';
import { MAX_LEASE_MS, redisCapabilities } from './redis.capabilities.js';
import { RedisErrors } from './redis.errors.js';
import { RedisInspector } from './redis.inspector.js';
import { RedisLink, rootOf } from './redis.link.js';
import { RedisOptions, type ResolvedRedisOptions, resolveOptions } from './redis.options.js';
import { RedisPublisher } from './redis.publisher.js';
import { RedisReceiver } from './redis.receiver.js';
import { RedisStore } from './redis.store.js';
import { checkServer } from './redis.server.js';
import type { KnownSubscription } from './redis.known-topology.js';
import { RedisTopology } from './redis.topology.js';

interface Parts {
  readonly options: ResolvedRedisOptions;
  readonly ambient: Ambient;
  readonly errors: RedisErrors;
  readonly status: StatusRecord;
  readonly link: RedisLink;
  readonly bell: RedisBell;
}

/** Messages in one Redis, shared by all who reach it. */
class RedisBackend implements Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #parts: Parts;
  readonly #topology: RedisTopology;
  readonly #publisher: RedisPublisher;
  readonly #inspector: RedisInspector;
  readonly #receivers = new Set<Receiver>();
  #closed = false;

  constructor(name: string, parts: Parts) {
    const { options, ambient, link, errors } = parts;
    this.name = name;
    this.capabilities = redisCapabilities(options);
    this.#parts = parts;
    const onLoss = (): void => parts.status.failed(errors.everythingGone());
    const topology = new RedisTopology({ backend: name, link, ambient, onLoss });
    this.#topology = topology;
    const { commandTimeoutMs, prefix } = options;
    const { clock } = ambient;
    this.#publisher = new RedisPublisher({ owner: this, clock, commandTimeoutMs, link, errors, topology });
    this.#inspector = new RedisInspector({ backend: name, prefix, link, topology });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    this.#refuseWhenClosed('ensure the topology');
    checkTopology(topology, this);
    await this.#connected();
    const known = mode === 'create' ? await this.#topology.create(topology) : await this.#topology.load();
    return known.compare(topology);
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    this.#refuseWhenClosed('publish');
    return this.#publisher.publish(batch, call);
  }

  async open(spec: SubscriptionSpec): Promise<Receiver> {
    this.#refuseWhenClosed('open a subscription');
    const { name, leaseMs, order } = spec;
    if (!(leaseMs > 0 && leaseMs <= MAX_LEASE_MS)) {
      const remedy = `use more than 0 and at most ${MAX_LEASE_MS} ms`;
      throw new UnsupportedError(this.name, `lease for ${leaseMs} ms`, remedy);
    }
    await this.#connected();
    const found = (await this.#topology.load()).find(name);
    if (found === undefined) throw new UnknownSubscriptionError(this.name, name);
    if (order !== undefined && !found.ordered) throw new UnorderedSubscriptionError(this.name, name);
    const { ambient, link, bell } = this.#parts;
    const receiver: RedisReceiver = new RedisReceiver({
      backend: this.name,
      ambient,
      link,
      bell,
      subscription: found,
      leaseMs,
      order: order ?? STRICT_ORDER,
      expiresAfterMs: found.expiresAfterMs,
      isBackendClosed: () => this.#closed,
      find: async () => (await this.#topology.load()).find(name),
      onClose: () => this.#left(receiver, found),
    });
    this.#receivers.add(receiver);
    return receiver;
  }

  /** An ephemeral subscription goes with its receiver; when that cannot be done now, it expires. */
  async #left(receiver: Receiver, subscription: KnownSubscription): Promise<void> {
    this.#receivers.delete(receiver);
    if (subscription.expiresAfterMs === undefined) return;
    await this.#topology.remove(subscription).catch(() => undefined);
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    this.#refuseWhenClosed('inspect');
    await this.#connected();
    yield* this.#inspector.inspect(query);
  }

  status(): BackendStatus {
    return this.#parts.status.read();
  }

  onStatus(listener: StatusListener): void {
    this.#parts.status.onChange(listener);
  }

  async close(_deadline: Date): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const receiver of this.#receivers) await receiver.close();
    this.#parts.bell.close();
    this.#parts.link.close();
    this.#parts.status.closed();
  }

  /** Waits through an outage for as long as any call may take; what comes next tells when that was not enough. */
  async #connected(): Promise<void> {
    const { link, ambient, options } = this.#parts;
    await link.whenUp(ambient.clock.mono() + options.commandTimeoutMs);
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closed) throw new BackendClosedError(this.name, doing);
  }
}

async function connect(name: string, options: ResolvedRedisOptions, ambient: Ambient): Promise<Parts> {
  const errors = new RedisErrors(name, redactorOf(secretsOf(options)));
  const status = new StatusRecord(ambient.clock);
  const link = await RedisLink.open({ options, ambient, errors, status });
  const bell = new RedisBell(rootOf(options.prefix));
  try {
    await checkServer(name, link, options);
    const quiet = new StatusRecord(ambient.clock);
    bell.attach(await RedisLink.open({ options, ambient, errors, status: quiet }));
  } catch (error) {
    link.close();
    throw error;
  }
  return { options, ambient, errors, status, link, bell };
}

function secretsOf({ url, connection }: ResolvedRedisOptions): readonly (string | undefined)[] {
  const { password, sentinelPassword } = (connection ?? {}) as Record<string, string | undefined>;
  return [new URL(url).password, password, sentinelPassword];
}

export const redisBackend: BackendFactory<RedisOptions> = {
  kind: 'redis',
  optionsClass: RedisOptions,
  foresee: (given) => ({
    capabilities: redisCapabilities(resolveOptions('redis', given)),
    remembers: true,
  }),
  async open(name: string, given: RedisOptions, ambient: Ambient): Promise<Required<OpenedBackend>> {
    const options = resolveOptions(name, given);
    const parts = await connect(name, options, ambient);
    const backend = new RedisBackend(name, parts);
    const { link } = parts;
    const { commandTimeoutMs } = options;
    const isBackendClosed = (): boolean => backend.isClosed;
    const { clock } = ambient;
    return {
      backend,
      store: new RedisStore({ backend: name, link, clock, commandTimeoutMs, isBackendClosed }),
    };
  },
};
