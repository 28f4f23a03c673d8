import type { Bounds } from '../../backend/bounds.js';
import type { Retention } from '../../backend/retention.js';
import { isPattern, matchesTopic } from '../../message/topic-pattern.js';

/** Topics whose listeners are kept; there may be more topics than memory. */
const MOST_LISTENED = 10_000;

/** A subscription as every process finds it on the server. */
export interface KnownSubscription {
  readonly id: number;
  readonly name: string;
  /** By key. */
  readonly ordered: boolean;
  /** undefined: durable. */
  readonly expiresAfterMs: number | undefined;
  readonly bounds: Bounds | undefined;
  readonly topics: ReadonlySet<string>;
}

/** Who listens to what at one version of the topology. Never changes; a new version is a new one of these. */
export class PostgresTopology {
  readonly version: string;
  readonly byName: ReadonlyMap<string, KnownSubscription>;
  readonly retentions: ReadonlyMap<string, Retention>;
  readonly #listeners = new Map<string, readonly KnownSubscription[]>();
  readonly #byTopic = new Map<string, KnownSubscription[]>();
  readonly #patterns = new Map<string, KnownSubscription[]>();

  constructor(
    version: string,
    subscriptions: readonly KnownSubscription[],
    retentions: ReadonlyMap<string, Retention>,
  ) {
    this.version = version;
    this.byName = new Map(subscriptions.map((each) => [each.name, each]));
    this.retentions = retentions;
    for (const each of subscriptions) {
      for (const topic of each.topics) {
        const kept = isPattern(topic) ? this.#patterns : this.#byTopic;
        kept.set(topic, [...(kept.get(topic) ?? []), each]);
      }
    }
  }

  /** Those that get a copy. */
  listenersOf(topic: string): readonly KnownSubscription[] {
    const known = this.#listeners.get(topic);
    if (known !== undefined) return known;
    const matching = [...this.#patterns].filter(([pattern]) => matchesTopic(pattern, topic));
    const found = [...new Set([...(this.#byTopic.get(topic) ?? []), ...matching.flatMap(([, all]) => all)])];
    if (this.#listeners.size === MOST_LISTENED) this.#listeners.clear();
    this.#listeners.set(topic, found);
    return found;
  }

  /** Topics that retain their messages and match the pattern, or are the topic. */
  retainedBy(pattern: string): readonly string[] {
    return [...this.retentions.keys()].filter((topic) => matchesTopic(pattern, topic));
  }
}

/** As the catalogue reads it, JSON by JSON. */
export interface TopologyJson {
  readonly version: string;
  readonly subscriptions: readonly SubscriptionJson[];
  readonly retentions: readonly (readonly [topic: string, forMs: number, maxMessages: number | null])[];
}

type SubscriptionJson = readonly [
  id: number,
  name: string,
  ordered: boolean,
  expiresAfterMs: number | null,
  bounds: Bounds | null,
  topics: readonly string[] | null,
];

export function topologyOf({ version, subscriptions, retentions }: TopologyJson): PostgresTopology {
  const kept = retentions.map(
    ([topic, forMs, most]) => [topic, { forMs, maxMessages: most ?? undefined }] as const,
  );
  return new PostgresTopology(version, subscriptions.map(subscriptionOf), new Map(kept));
}

function subscriptionOf([
  id,
  name,
  ordered,
  expiresAfterMs,
  bounds,
  topics,
]: SubscriptionJson): KnownSubscription {
  return {
    id,
    name,
    ordered,
    expiresAfterMs: expiresAfterMs ?? undefined,
    bounds: bounds ?? undefined,
    topics: new Set(topics),
  };
}
