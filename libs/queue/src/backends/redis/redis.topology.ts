import type { Ambient } from '../../ambient/ambient.js';
import { type Bounds, sameBounds } from '../../backend/bounds.js';
import type { Drift, SubscriptionTopology, Topology } from '../../backend/topology.js';
import { isPattern, matchesTopic } from '../../message/topic-pattern.js';
import type { RedisLink } from './redis.link.js';
import { Script } from './redis.script.js';
import { LOAD_TOPOLOGY, REMOVE_SUBSCRIPTION, SAVE_TOPOLOGY } from './redis.topology.lua.js';

/** Topics whose listeners are kept; there may be more topics than memory. */
const MOST_LISTENED = 10_000;
const LOAD = new Script(LOAD_TOPOLOGY);
const SAVE = new Script(SAVE_TOPOLOGY);
const REMOVE = new Script(REMOVE_SUBSCRIPTION);

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
    return topology.subscriptions.flatMap((declared) => this.#compareOne(declared));
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

/** Who listens to what, remembered until a publish is told that it is another one now. */
export class RedisTopology {
  readonly #link: RedisLink;
  readonly #ambient: Ambient;
  readonly #onLoss: () => void;
  /** What this process has created, to be created again. */
  readonly #declared = new Map<string, SubscriptionTopology>();
  #known: KnownTopology | undefined;

  /** `onLoss` is told when everything is gone, as after FLUSHALL or the restart of a server without persistence. */
  constructor(link: RedisLink, ambient: Ambient, onLoss: () => void) {
    this.#link = link;
    this.#ambient = ambient;
    this.#onLoss = onLoss;
  }

  /** What is known, or else what is there. */
  async current(): Promise<KnownTopology> {
    return this.#known ?? this.load();
  }

  /** As it is now. Where everything is gone, what this process has created is created again first. */
  async load(): Promise<KnownTopology> {
    const known = await this.#load('');
    if (known.version !== undefined || this.#declared.size === 0) return known;
    this.#onLoss();
    return this.create({ subscriptions: [...this.#declared.values()] });
  }

  /** Adds what is missing, and removes what has expired. Anybody may do the same at the same time. */
  async create(topology: Topology): Promise<KnownTopology> {
    for (const declared of topology.subscriptions) {
      if (declared.expiresAfterMs === undefined) this.#declared.set(declared.name, declared);
    }
    for (;;) {
      const known = await this.#load(this.#mint());
      const changes = topology.subscriptions.flatMap((declared) => this.#changeOf(declared, known));
      if (changes.length === 0) return known;
      const args = changes.flatMap(({ subscription, linesUp }) => savedAs(subscription, linesUp));
      await this.#link.run('create the topology', SAVE, [known.version ?? '', this.#mint(), ...args]);
    }
  }

  /** With everything in it. */
  async remove({ id }: KnownSubscription): Promise<void> {
    await this.#link.run('remove a subscription', REMOVE, [id, this.#mint()]);
  }

  async #load(newVersion: string): Promise<KnownTopology> {
    const reply = await this.#link.run('read the topology', LOAD, [newVersion]);
    const [version, pairs] = reply as [Buffer | null, readonly Buffer[]];
    const records = pairs.filter((_, at) => at % 2 === 1);
    const subscriptions = records.map((record) => JSON.parse(record.toString()) as KnownSubscription);
    const known = new KnownTopology(version?.toString(), subscriptions);
    this.#known = known;
    return known;
  }

  #changeOf(declared: SubscriptionTopology, known: KnownTopology): readonly Change[] {
    const { name, topics, expiresAfterMs, order, bounds } = declared;
    const found = known.find(name);
    const before = found ?? { id: this.#mint(), name, topics: [], expiresAfterMs, ordered: false };
    const missing = topics.filter((topic) => !before.topics.includes(topic));
    const linesUp = order !== undefined && !before.ordered;
    const hasOtherBounds = bounds !== undefined && !sameBounds(bounds || undefined, before.bounds);
    if (found !== undefined && missing.length === 0 && !linesUp && !hasOtherBounds) return [];
    const subscription = {
      ...before,
      topics: [...before.topics, ...new Set(missing)],
      ordered: before.ordered || linesUp,
      bounds: bounds === undefined ? before.bounds : bounds || undefined,
    };
    return [{ subscription, linesUp }];
  }

  #mint(): string {
    return this.#ambient.ids.next(this.#ambient.clock.now());
  }
}

interface Change {
  readonly subscription: KnownSubscription;
  readonly linesUp: boolean;
}

function savedAs(subscription: KnownSubscription, linesUp: boolean): readonly string[] {
  const { name, id, expiresAfterMs } = subscription;
  return [name, id, JSON.stringify(subscription), String(expiresAfterMs ?? ''), linesUp ? 'line-up' : ''];
}
