import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  PayloadTooLargeError,
  UnknownSubscriptionError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { Backend, BackendStatus, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import type { Drift, SubscriptionSpec, Topology } from '../../backend/topology.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { InvalidPriorityError, isPriority } from '../../message/priority.js';
import type { QueueError } from '../../message/queue-error.js';
import { memoryCapabilities } from './memory.capabilities.js';
import { sealed, type Stamp } from './memory.copy.js';
import { browse, depthOf, purge } from './memory.inspector.js';
import { MemoryReceiver } from './memory.receiver.js';
import { allStored, repeat, stored } from './memory.results.js';
import type { MemorySubscription } from './memory.subscription.js';
import { MemoryTopology } from './memory.topology.js';

export interface MemoryLimits {
  readonly maxBytes: number;
  readonly maxMessages: number;
}

const NOW = Promise.resolve();

/** Everything in one process. The strictest backend: what works here by luck would not work elsewhere. */
export class MemoryBackend implements Backend {
  readonly capabilities: Capabilities;
  readonly #topology: MemoryTopology;
  readonly #openedAt: number;
  #lastProgressAt: number | undefined;
  #closed = false;
  /** When the present turn of the event loop brought its first `publishNow`. */
  #turn: Stamp | undefined;

  constructor(
    readonly name: string,
    private readonly limits: MemoryLimits,
    private readonly ambient: Ambient,
  ) {
    this.capabilities = Object.freeze({ ...memoryCapabilities, maxBytes: limits.maxBytes });
    this.#topology = new MemoryTopology(name, ambient.clock);
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
    return this.#storeAll(batch, stamp);
  }

  publishNow(message: Outgoing): PublishResult {
    if (this.#closed) return { status: 'refused', error: new BackendClosedError(this.name, 'publish') };
    const turn = this.#turn ?? this.#beginTurn();
    // A delay or a life that begins now must not begin with the turn.
    const isTimed = message.delayMs !== undefined || message.ttlMs !== undefined;
    const result = this.#store(message, isTimed ? this.#stamp() : turn);
    return typeof result === 'number' ? stored(result) : { status: 'refused', error: result };
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
    return new MemoryReceiver(subscription, this.ambient.clock, spec.leaseMs, () =>
      this.#leave(subscription),
    );
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
    }
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

  #storeAll(batch: readonly Outgoing[], stamp: Stamp): Promise<readonly PublishResult[]> {
    let results: PublishResult[] | undefined;
    let copies = 0;
    for (let at = 0; at < batch.length; at++) {
      const result = this.#store(batch[at] as Outgoing, stamp);
      const isLikeTheRest = typeof result === 'number' && (at === 0 || result === copies);
      if (isLikeTheRest) copies = result;
      else results ??= repeat(stored(copies), at);
      results?.push(typeof result === 'number' ? stored(result) : { status: 'refused', error: result });
    }
    this.#topology.wakeAll(stamp.monoMs);
    return results === undefined ? allStored(copies, batch.length) : Promise.resolve(results);
  }

  /** How many subscriptions took a copy, or why none did. */
  #store(message: Outgoing, stamp: Stamp): number | QueueError {
    const takers = this.#topology.route(message);
    if (takers.length === 0) return new UnroutableError(this.name, message.topic, message.to);
    const objection = this.#objection(message, takers);
    if (objection !== undefined) return objection;
    const kept = sealed(message);
    for (let at = 0; at < takers.length; at++) (takers[at] as MemorySubscription).accept(kept, stamp);
    return takers.length;
  }

  #objection(message: Outgoing, takers: readonly MemorySubscription[]): QueueError | undefined {
    const { maxBytes, maxMessages } = this.limits;
    if (mayTake(message) > maxBytes) {
      const bytes = byteLength(message.body);
      if (bytes > maxBytes) return new PayloadTooLargeError(this.name, bytes, maxBytes);
    }
    for (let at = 0; at < takers.length; at++) {
      const { name, size } = takers[at] as MemorySubscription;
      if (size >= maxMessages) return this.#full(name);
    }
    const { delayMs, priority } = message;
    if (priority !== undefined && !isPriority(priority)) return new InvalidPriorityError(priority);
    return delayMs === undefined || delayMs >= 0
      ? undefined
      : new UnsupportedError(this.name, `delay a message by ${delayMs} ms`, 'use 0 or more');
  }

  #full(subscription: string): QueueError {
    const why = `subscription "${subscription}" holds ${this.limits.maxMessages} messages, which is maxMessages`;
    return new BackendUnavailableError(this.name, 'publish', why);
  }

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

/** The rest of an envelope: twelve fields, each of bounded length. */
const ENVELOPE_BYTES = 8_192;

/**
 * An upper bound of the bytes a message takes, without encoding it: text takes at most three bytes a character, six
 * when JSON escapes it. It answers the question for nearly every message.
 */
function mayTake(message: Outgoing): number {
  const { event } = message;
  if (event === undefined) return message.body.length * 3;
  return typeof event.data === 'string' ? event.data.length * 6 + ENVELOPE_BYTES : ENVELOPE_BYTES;
}
