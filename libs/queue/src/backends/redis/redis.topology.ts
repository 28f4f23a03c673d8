import type { Ambient } from '../../ambient/ambient.js';
import { sameBounds } from '../../backend/bounds.js';
import { NothingRetainedError, type Retention, type TopicTopology } from '../../backend/retention.js';
import type { SubscriptionTopology, Topology } from '../../backend/topology.js';
import { matchesTopic } from '../../message/topic-pattern.js';
import { type KnownSubscription, KnownTopology } from './redis.known-topology.js';
import type { RedisLink } from './redis.link.js';
import { Script } from './redis.script.js';
import { LOAD_TOPOLOGY, REMOVE_SUBSCRIPTION, SAVE_TOPOLOGY } from './redis.topology.lua.js';
import type { Argument } from './redis.wire.js';

const LOAD = new Script(LOAD_TOPOLOGY);
const SAVE = new Script(SAVE_TOPOLOGY);
const REMOVE = new Script(REMOVE_SUBSCRIPTION);

export interface TopologyParts {
  readonly backend: string;
  readonly link: RedisLink;
  readonly ambient: Ambient;
  /** Told when everything is gone, as after FLUSHALL or the restart of a server without persistence. */
  readonly onLoss: () => void;
}

/** Who listens to what, remembered until a publish is told that it is another one now. */
export class RedisTopology {
  readonly #link: RedisLink;
  readonly #ambient: Ambient;
  readonly #onLoss: () => void;
  /** What this process has created, to be created again. */
  readonly #declared = new Map<string, SubscriptionTopology>();
  readonly #declaredTopics = new Map<string, TopicTopology>();
  readonly #backend: string;
  #known: KnownTopology | undefined;

  constructor({ backend, link, ambient, onLoss }: TopologyParts) {
    this.#backend = backend;
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
    const late = [...this.#declared.values()].map((each) => ({ ...each, start: undefined }));
    return this.create({ topics: [...this.#declaredTopics.values()], subscriptions: late });
  }

  /** Adds what is missing, and removes what has expired. Anybody may do the same at the same time. */
  async create(topology: Topology): Promise<KnownTopology> {
    for (;;) {
      const known = await this.#load(this.#mint());
      const startless = known.startlessIn(topology);
      if (startless !== undefined) throw new NothingRetainedError(this.#backend, startless);
      this.#remember(topology);
      const topics = (topology.topics ?? []).filter((topic) => known.retainsOtherwise(topic));
      const changes = topology.subscriptions.flatMap((declared) => this.#changeOf(declared, known));
      if (topics.length + changes.length === 0) return known;
      const retentions = new Map([
        ...known.retentions,
        ...topics.flatMap(({ name, retain }) => (retain ? [[name, retain] as const] : [])),
      ]);
      const args = [
        topics.length,
        ...topics.flatMap(topicAs),
        ...changes.flatMap((change) => savedAs(change, retentions)),
      ];
      await this.#link.run('create the topology', SAVE, [known.version ?? '', this.#mint(), ...args]);
    }
  }

  #remember({ topics = [], subscriptions }: Topology): void {
    for (const topic of topics) this.#declaredTopics.set(topic.name, topic);
    for (const declared of subscriptions) {
      if (declared.expiresAfterMs === undefined) this.#declared.set(declared.name, declared);
    }
  }

  /** With everything in it. */
  async remove({ id }: KnownSubscription): Promise<void> {
    await this.#link.run('remove a subscription', REMOVE, [id, this.#mint()]);
  }

  async #load(newVersion: string): Promise<KnownTopology> {
    const reply = await this.#link.run('read the topology', LOAD, [newVersion]);
    const [version, subscriptions, topics] = reply as [Buffer | null, readonly Buffer[], readonly Buffer[]];
    const known = new KnownTopology(
      version?.toString(),
      [...recordsOf<KnownSubscription>(subscriptions).values()],
      recordsOf<Retention>(topics),
    );
    this.#known = known;
    return known;
  }

  #changeOf(declared: SubscriptionTopology, known: KnownTopology): readonly Change[] {
    const { name, topics, expiresAfterMs, order, bounds, start } = declared;
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
    return [{ subscription, linesUp, earliest: start === 'earliest' ? missing : [] }];
  }

  #mint(): string {
    return this.#ambient.ids.next(this.#ambient.clock.now());
  }
}

interface Change {
  readonly subscription: KnownSubscription;
  readonly linesUp: boolean;
  /** Topics or patterns of which it starts with what they retain. */
  readonly earliest: readonly string[];
}

/** Names and JSON records in turn. */
function recordsOf<T>(pairs: readonly Buffer[]): ReadonlyMap<string, T> {
  const records = new Map<string, T>();
  for (let at = 0; at < pairs.length; at += 2)
    records.set(String(pairs[at]), JSON.parse(String(pairs[at + 1])) as T);
  return records;
}

function topicAs({ name, retain }: TopicTopology): readonly Argument[] {
  return [name, retain ? JSON.stringify(retain) : ''];
}

function savedAs(
  { subscription, linesUp, earliest }: Change,
  retentions: ReadonlyMap<string, Retention>,
): readonly Argument[] {
  const { name, id, expiresAfterMs, ordered } = subscription;
  const kept = [...retentions].filter(([topic]) => earliest.some((wanted) => matchesTopic(wanted, topic)));
  const record = JSON.stringify(subscription);
  const order = [linesUp ? 'line-up' : '', ordered ? 'o' : ''];
  const earliestOf = kept.flatMap(([topic, { forMs }]) => [topic, forMs]);
  return [name, id, record, expiresAfterMs ?? '', ...order, kept.length, ...earliestOf];
}
