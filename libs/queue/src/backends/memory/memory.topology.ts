import type { Clock } from '../../ambient/clock.js';
import { type Bounds, sameBounds } from '../../backend/bounds.js';
import { NothingRetainedError } from '../../backend/retention.js';
import {
  checkTopology,
  type Drift,
  type SubscriptionTopology,
  type Topology,
} from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import { isPattern, matchesTopic } from '../../message/topic-pattern.js';
import { memoryCapabilities } from './memory.capabilities.js';
import { MemoryLogs } from './memory.logs.js';
import { type LeaseEnd, MemorySubscription } from './memory.subscription.js';

/** Topics whose listeners are kept; there may be more topics than memory. */
const MOST_RESOLVED = 10_000;
const NO_TOPICS: ReadonlySet<string> = new Set();
const NOBODY: readonly MemorySubscription[] = Object.freeze([]);

export interface MemoryLimits {
  readonly maxBytes: number;
  /** Of a subscription that has no bounds of its own; undefined: none. */
  readonly maxMessages: number | undefined;
  /** Default `behind`. */
  readonly leaseEnd?: LeaseEnd;
}

/** Which subscriptions exist, and who listens to what. */
export class MemoryTopology {
  /** Those of the map, in an array: looked through at every publish. */
  readonly all: MemorySubscription[] = [];
  readonly logs = new MemoryLogs();
  readonly #subscriptions = new Map<string, MemorySubscription>();
  /** By topic, or by pattern of topics. */
  readonly #listeners = new Map<string, MemorySubscription[]>();
  /** Those of #listeners that are patterns. */
  #patterns: readonly string[] = [];
  /** What #listeners come to, by topic; kept only while there are patterns. */
  readonly #resolved = new Map<string, readonly MemorySubscription[]>();
  /** Of those that declare none. */
  readonly #bounds: Bounds | undefined;
  #anyBounds: boolean;
  #lastTopic = '';
  #lastListeners: readonly MemorySubscription[] = NOBODY;

  constructor(
    private readonly backendName: string,
    private readonly clock: Clock,
    private readonly limits: Pick<MemoryLimits, 'maxMessages' | 'leaseEnd'>,
  ) {
    const { maxMessages } = limits;
    this.#bounds = maxMessages === undefined ? undefined : { maxMessages, whenFull: { kind: 'reject' } };
    this.#anyBounds = this.#bounds !== undefined;
  }

  find(name: string): MemorySubscription | undefined {
    return this.#subscriptions.get(name);
  }

  subscriptions(): Iterable<MemorySubscription> {
    return this.#subscriptions.values();
  }

  /** Who gets a copy. */
  route(message: Outgoing): readonly MemorySubscription[] {
    if (message.to !== undefined) {
      const one = this.#subscriptions.get(message.to);
      return one === undefined ? NOBODY : [one];
    }
    if (message.topic !== this.#lastTopic) {
      this.#lastTopic = message.topic;
      this.#lastListeners = this.listenersOf(message.topic);
    }
    return this.#lastListeners;
  }

  listenersOf(topic: string): readonly MemorySubscription[] {
    if (this.#patterns.length === 0) return this.#listeners.get(topic) ?? NOBODY;
    const known = this.#resolved.get(topic);
    if (known !== undefined) return known;
    const listened = [topic, ...this.#patterns.filter((pattern) => matchesTopic(pattern, topic))];
    const found = new Set(listened.flatMap((each) => this.#listeners.get(each) ?? []));
    if (this.#resolved.size === MOST_RESOLVED) this.#resolved.clear();
    this.#resolved.set(topic, [...found]);
    return [...found];
  }

  hasBounds(takers: readonly MemorySubscription[]): boolean {
    if (!this.#anyBounds) return false;
    return takers.some(({ bounds }) => bounds !== undefined);
  }

  anyoneWaits(): boolean {
    const { all } = this;
    for (let at = 0; at < all.length; at++) if (!(all[at] as MemorySubscription).waiting.isEmpty) return true;
    return false;
  }

  wakeAll(monoMs: number): void {
    for (const subscription of this.all) {
      if (!subscription.waiting.isEmpty) subscription.wake(monoMs);
    }
  }

  /** Adds what is missing; answers with what is there beyond it. */
  create(topology: Topology): readonly Drift[] {
    checkTopology(topology, { name: this.backendName, capabilities: memoryCapabilities });
    const monoMs = this.clock.mono();
    const expired = this.all.filter((subscription) => subscription.isExpired(monoMs));
    for (const subscription of expired) this.remove(subscription);
    this.#checkStarts(topology);
    for (const topic of topology.topics ?? []) this.logs.declare(topic);
    for (const declared of topology.subscriptions) this.#add(declared);
    return this.compare(topology);
  }

  /** With everything in it. */
  remove(subscription: MemorySubscription): void {
    if (subscription.isGone) return;
    subscription.isGone = true;
    subscription.close();
    this.#subscriptions.delete(subscription.name);
    this.all.splice(this.all.indexOf(subscription), 1);
    for (const topic of subscription.topics) {
      const staying = (this.#listeners.get(topic) ?? NOBODY).filter((other) => other !== subscription);
      if (staying.length > 0) this.#listeners.set(topic, staying);
      else this.#listeners.delete(topic);
    }
    this.#forgetRoutes();
  }

  compare(topology: Topology): readonly Drift[] {
    const topics = (topology.topics ?? []).filter((topic) => this.logs.differs(topic));
    return [
      ...topics.map(({ name }): Drift => ({ kind: 'other-retention', subscription: undefined, topic: name })),
      ...topology.subscriptions.flatMap((declared) => this.#drift(declared)),
    ];
  }

  #add({ name, topics, expiresAfterMs, order, bounds, start }: SubscriptionTopology): void {
    let subscription = this.#subscriptions.get(name);
    if (subscription === undefined) {
      subscription = new MemorySubscription(name, this.clock, this.backendName, expiresAfterMs);
      subscription.bounds = this.#bounds;
      subscription.leaseEnd = this.limits.leaseEnd ?? 'behind';
      this.#subscriptions.set(name, subscription);
      this.all.push(subscription);
    }
    const missing = topics.filter((topic) => !subscription.topics.has(topic));
    for (const topic of missing) this.#listen(subscription, topic);
    if (order !== undefined) subscription.startOrder();
    if (start === 'earliest') this.#catchUp(subscription, missing);
    if (bounds === undefined) return;
    subscription.bounds = bounds === false ? this.#bounds : bounds;
    this.#anyBounds = true;
  }

  /** Before anything is changed. */
  #checkStarts({ topics = [], subscriptions }: Topology): void {
    for (const { name, topics: wanted, start } of subscriptions) {
      if (start !== 'earliest') continue;
      const bound = this.#subscriptions.get(name)?.topics ?? NO_TOPICS;
      const topic = wanted.find((each) => !bound.has(each) && !this.logs.willRetain(each, topics));
      if (topic !== undefined)
        throw new NothingRetainedError(this.backendName, { subscription: name, topic });
    }
  }

  #catchUp(subscription: MemorySubscription, topics: readonly string[]): void {
    const monoMs = this.clock.mono();
    for (const retained of this.logs.earliest(topics, monoMs)) subscription.acceptLate(retained, monoMs);
    subscription.wake(monoMs);
  }

  #listen(subscription: MemorySubscription, topic: string): void {
    subscription.topics.add(topic);
    this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), subscription]);
    this.#forgetRoutes();
  }

  #hasOther(declared: Bounds | false | undefined, { bounds }: MemorySubscription): boolean {
    if (declared === undefined) return false;
    return !sameBounds(declared === false ? this.#bounds : declared, bounds);
  }

  #forgetRoutes(): void {
    this.#patterns = [...this.#listeners.keys()].filter(isPattern);
    this.#resolved.clear();
    this.#lastTopic = '';
    this.#lastListeners = NOBODY;
  }

  #drift({ name, topics, order, bounds }: SubscriptionTopology): Drift[] {
    const existing = this.#subscriptions.get(name);
    if (existing === undefined)
      return [{ kind: 'missing-subscription', subscription: name, topic: undefined }];
    const missing = topics.filter((topic) => !existing.topics.has(topic));
    const extra = [...existing.topics].filter((topic) => !topics.includes(topic));
    const lacksOrder = order !== undefined && existing.keys === undefined;
    return [
      ...(lacksOrder ? [{ kind: 'missing-order', subscription: name, topic: undefined } as const] : []),
      ...missing.map((topic): Drift => ({ kind: 'missing-topic', subscription: name, topic })),
      ...extra.map((topic): Drift => ({ kind: 'extra-topic', subscription: name, topic })),
      ...(this.#hasOther(bounds, existing)
        ? [{ kind: 'other-bounds', subscription: name, topic: undefined } as const]
        : []),
    ];
  }
}
