import { type Bounds, sameBounds } from '../../backend/bounds.js';
import { type Retention, sameRetention, type TopicTopology } from '../../backend/retention.js';
import type { Drift, SubscriptionTopology, Topology } from '../../backend/topology.js';
import { isPattern, matchesTopic } from '../../message/topic-pattern.js';

/** Topics whose listeners are kept; there may be more topics than memory. */
const MOST_LISTENED = 10_000;

export interface Startless {
  readonly subscription: string;
  readonly topic: string;
}

/** A subscription as it is kept in Redis. */
export interface KnownSubscription {
  /** Never given twice, because somebody may still hold that of a subscription that is gone. */
  readonly id: string;
  readonly name: string;
  readonly topics: readonly string[];
  /** Undefined: durable. */
  readonly expiresAfterMs?: number | undefined;
  readonly ordered: boolean;
  readonly bounds?: Bounds | undefined;
}

/** All of it at one moment. `version` is undefined where nothing was ever created. */
export class KnownTopology {
  readonly #byName: ReadonlyMap<string, KnownSubscription>;
  readonly #listeners = new Map<string, readonly KnownSubscription[]>();
  readonly #patterned: readonly KnownSubscription[];

  constructor(
    readonly version: string | undefined,
    readonly subscriptions: readonly KnownSubscription[],
    /** Of topics that retain their messages. */
    readonly retentions: ReadonlyMap<string, Retention>,
  ) {
    this.#byName = new Map(subscriptions.map((each) => [each.name, each]));
    this.#patterned = subscriptions.filter(({ topics }) => topics.some(isPattern));
  }

  find(name: string): KnownSubscription | undefined {
    return this.#byName.get(name);
  }

  listenersOf(topic: string): readonly KnownSubscription[] {
    const known = this.#listeners.get(topic);
    if (known !== undefined) return known;
    const found = this.subscriptions.filter(
      (each) =>
        each.topics.includes(topic) ||
        (this.#patterned.includes(each) && each.topics.some((listened) => matchesTopic(listened, topic))),
    );
    if (this.#listeners.size === MOST_LISTENED) this.#listeners.clear();
    if (found.length > 0) this.#listeners.set(topic, found);
    return found;
  }

  /** Every difference between what is declared and what is there. */
  compare(topology: Topology): Drift[] {
    const others = (topology.topics ?? []).filter((topic) => this.retainsOtherwise(topic));
    return [
      ...others.map(({ name }): Drift => ({ kind: 'other-retention', subscription: undefined, topic: name })),
      ...topology.subscriptions.flatMap((declared) => this.#compareOne(declared)),
    ];
  }

  retainsOtherwise({ name, retain }: TopicTopology): boolean {
    return retain !== undefined && !sameRetention(retain || undefined, this.retentions.get(name));
  }

  /** The first subscription that shall start with what a topic retains, where that retains nothing. */
  startlessIn({ topics = [], subscriptions }: Topology): Startless | undefined {
    const declared = new Map(topics.map(({ name, retain }) => [name, retain]));
    const isRetained = (wanted: string): boolean =>
      [...this.retentions.keys()].some(
        (name) => declared.get(name) !== false && matchesTopic(wanted, name),
      ) || topics.some(({ name, retain }) => retain && matchesTopic(wanted, name));
    for (const { name, topics: wanted, start } of subscriptions) {
      if (start !== 'earliest') continue;
      const bound = this.find(name)?.topics ?? [];
      const topic = wanted.find((each) => !bound.includes(each) && !isRetained(each));
      if (topic !== undefined) return { subscription: name, topic };
    }
    return undefined;
  }

  #compareOne({ name: subscription, topics, order, bounds }: SubscriptionTopology): Drift[] {
    const found = this.find(subscription);
    if (found === undefined) return [{ kind: 'missing-subscription', subscription, topic: undefined }];
    const missing = topics.filter((topic) => !found.topics.includes(topic));
    const extra = found.topics.filter((topic) => !topics.includes(topic));
    const hasOtherBounds = bounds !== undefined && !sameBounds(bounds || undefined, found.bounds);
    return [
      ...(order !== undefined && !found.ordered
        ? [{ kind: 'missing-order', subscription, topic: undefined } as const]
        : []),
      ...missing.map((topic) => ({ kind: 'missing-topic', subscription, topic }) as const),
      ...extra.map((topic) => ({ kind: 'extra-topic', subscription, topic }) as const),
      ...(hasOtherBounds ? [{ kind: 'other-bounds', subscription, topic: undefined } as const] : []),
    ];
  }
}
