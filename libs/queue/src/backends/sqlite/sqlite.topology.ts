import type { DatabaseSync } from 'node:sqlite';
import type { Drift, SubscriptionTopology, Topology } from '../../backend/topology.js';
import { matchesTopic } from '../../message/topic-pattern.js';
import { type Bounds, sameBounds } from '../../backend/bounds.js';
import { SqliteBounds } from './sqlite.bounds.js';
import { SqliteLog } from './sqlite.log.js';
import { SqliteEphemeral } from './sqlite.ephemeral.js';
import { SqliteKeyOrder } from './sqlite.key-order.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

/** Topics whose listeners are kept; there may be more topics than memory. */
const MOST_LISTENED = 10_000;

const SQL = {
  id: `SELECT id FROM subscriptions WHERE name = ?`,
  nameOf: `SELECT name FROM subscriptions WHERE id = ?`,
  names: `SELECT id, name FROM subscriptions ORDER BY name`,
  topics: `SELECT topic FROM bindings WHERE subscription_id = ? ORDER BY topic`,
  listeners: `SELECT subscription_id FROM bindings WHERE topic = ?`,
  patterns: `SELECT DISTINCT topic FROM bindings WHERE topic GLOB '*[*#]*'`,
  nextId: `UPDATE counters SET subscription = subscription + 1 RETURNING subscription`,
  add: `INSERT INTO subscriptions (id, name) VALUES (?, ?)`,
  ordered: `SELECT id FROM subscriptions WHERE ordered = 1`,
  startOrder: `UPDATE subscriptions SET ordered = 1 WHERE id = ? AND ordered = 0`,
  bind: `INSERT INTO bindings (topic, subscription_id) VALUES (?, ?)`,
};

export interface Found {
  readonly id: number;
  /** undefined: durable. */
  readonly expiresAfterMs: number | undefined;
  /** By key. */
  readonly ordered: boolean;
}

/** A subscription that listens to topics as of now and starts with what they have retained. */
export interface LateListener {
  readonly id: number;
  readonly topics: readonly string[];
}

export interface Created {
  readonly isChanged: boolean;
  readonly late: readonly LateListener[];
}

export interface Startless {
  readonly subscription: string;
  readonly topic: string;
}

/** Who listens to what, remembered until any process changes it. */
export class SqliteTopology {
  readonly ephemeral: SqliteEphemeral;
  readonly keyOrder: SqliteKeyOrder;
  readonly bounds: SqliteBounds;
  readonly log: SqliteLog;
  readonly #sql: Statements<typeof SQL>;
  readonly #listeners = new Map<string, readonly number[]>();
  readonly #ids = new Map<string, number>();
  #patterns: readonly string[] | undefined;
  #ordered: ReadonlySet<number> | undefined;
  #version = 0;

  constructor(db: DatabaseSync) {
    this.ephemeral = new SqliteEphemeral(db);
    this.keyOrder = new SqliteKeyOrder(db);
    this.bounds = new SqliteBounds(db);
    this.log = new SqliteLog(db);
    this.#sql = prepareAll(db, SQL);
  }

  /** Inside a transaction, before any question, with the version it sees: forgets what has changed since. */
  refresh(version: number): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#listeners.clear();
    this.#ids.clear();
    this.#patterns = undefined;
    this.#ordered = undefined;
    this.bounds.forget();
    this.log.forget();
  }

  /** As it is now: outside a transaction what is remembered may be gone. */
  find(subscription: string): Found | undefined {
    const id = this.#readId(subscription);
    if (id === undefined) return undefined;
    return { id, expiresAfterMs: this.ephemeral.expiresAfterMs(id), ordered: this.isOrderedNow(id) };
  }

  idOf(subscription: string): number | undefined {
    const known = this.#ids.get(subscription) ?? this.#readId(subscription);
    if (known !== undefined) this.#ids.set(subscription, known);
    return known;
  }

  /** Ids of the subscriptions that get a copy. Only topics that somebody listens to are remembered. */
  listenersOf(topic: string): readonly number[] {
    const known = this.#listeners.get(topic);
    if (known !== undefined) return known;
    const listened = [topic, ...this.#patternsNow().filter((pattern) => matchesTopic(pattern, topic))];
    const rows = listened.flatMap((each) => this.#sql.listeners.all(each));
    const ids = [...new Set(rows.map((row) => row['subscription_id'] as number))];
    if (this.#listeners.size === MOST_LISTENED) this.#listeners.clear();
    if (ids.length > 0) this.#listeners.set(topic, ids);
    return ids;
  }

  #patternsNow(): readonly string[] {
    this.#patterns ??= this.#sql.patterns.all().map((row) => row['topic'] as string);
    return this.#patterns;
  }

  /** Whether it has an order by key. */
  isOrdered(id: number): boolean {
    this.#ordered ??= this.#readOrdered();
    return this.#ordered.has(id);
  }

  /** The same, as it is now. */
  isOrderedNow(id: number): boolean {
    return this.#readOrdered().has(id);
  }

  #readOrdered(): ReadonlySet<number> {
    return new Set(this.#sql.ordered.all().map((row) => row['id'] as number));
  }

  /** What is needed to hold a message against the bounds of a subscription. */
  takerOf(id: number): { readonly id: number; readonly name: string; readonly bounds: Bounds | undefined } {
    const name = this.#sql.nameOf.get(id)?.['name'] as string;
    return { id, name, bounds: this.bounds.all.get(id) };
  }

  subscriptions(): readonly { readonly id: number; readonly name: string }[] {
    return this.#sql.names.all().map((row) => ({ id: row['id'] as number, name: row['name'] as string }));
  }

  /** Every difference between what is declared and what is there. */
  compare(topology: Topology): Drift[] {
    const topics = (topology.topics ?? []).filter((topic) => this.log.differs(topic));
    return [
      ...topics.map(({ name }): Drift => ({ kind: 'other-retention', subscription: undefined, topic: name })),
      ...topology.subscriptions.flatMap((declared) => this.#compareOne(declared)),
    ];
  }

  /** Inside a transaction: adds what is missing, and removes what has expired. */
  create(topology: Topology, now: number): Created {
    let changes = this.ephemeral.sweep(now) ? 1 : 0;
    for (const topic of topology.topics ?? []) if (this.log.declare(topic)) changes++;
    const late: LateListener[] = [];
    for (const declared of topology.subscriptions) {
      const { name, topics, order, bounds, start } = declared;
      const known = this.#readId(name);
      const id = known ?? this.#add(declared, now);
      const missing = difference(new Set(topics), this.#topicsOf(id));
      for (const topic of missing) this.#sql.bind.run(topic, id);
      if (start === 'earliest' && missing.length > 0) late.push({ id, topics: missing });
      changes += missing.length + (known === undefined ? 1 : 0);
      if (order !== undefined && this.#startOrder(id, now)) changes++;
      if (bounds !== undefined && this.bounds.declare(id, bounds)) changes++;
    }
    return { isChanged: changes > 0, late };
  }

  /** The first subscription that shall start with what a topic retains, where that retains nothing. */
  startlessIn({ topics = [], subscriptions }: Topology): Startless | undefined {
    const declared = new Map(topics.map(({ name, retain }) => [name, retain]));
    const isRetained = (topic: string): boolean =>
      this.log.matching(topic).some((name) => declared.get(name) !== false) ||
      topics.some(({ name, retain }) => retain && matchesTopic(topic, name));
    for (const { name, topics: wanted, start } of subscriptions) {
      if (start !== 'earliest') continue;
      const id = this.#readId(name);
      const bound = id === undefined ? new Set<string>() : this.#topicsOf(id);
      const topic = wanted.find((each) => !bound.has(each) && !isRetained(each));
      if (topic !== undefined) return { subscription: name, topic };
    }
    return undefined;
  }

  #compareOne({ name: subscription, topics, order, bounds }: SubscriptionTopology): Drift[] {
    const id = this.#readId(subscription);
    if (id === undefined) return [{ kind: 'missing-subscription', subscription, topic: undefined }];
    const declared = new Set(topics);
    const found = this.#topicsOf(id);
    const lacksOrder = order !== undefined && !this.isOrderedNow(id);
    return [
      ...(lacksOrder ? [{ kind: 'missing-order', subscription, topic: undefined } as const] : []),
      ...difference(declared, found).map(
        (topic) => ({ kind: 'missing-topic', subscription, topic }) as const,
      ),
      ...difference(found, declared).map((topic) => ({ kind: 'extra-topic', subscription, topic }) as const),
      ...(bounds === undefined || sameBounds(bounds === false ? undefined : bounds, this.bounds.find(id))
        ? []
        : [{ kind: 'other-bounds', subscription, topic: undefined } as const]),
    ];
  }

  #topicsOf(id: number): Set<string> {
    return new Set(this.#sql.topics.all(id).map((row) => row['topic'] as string));
  }

  /** False: it has one. */
  #startOrder(id: number, now: number): boolean {
    if (this.#sql.startOrder.run(id).changes === 0) return false;
    this.keyOrder.start(id, now);
    return true;
  }

  #add({ name, expiresAfterMs }: SubscriptionTopology, now: number): number {
    const id = this.#sql.nextId.get()?.['subscription'] as number;
    this.#sql.add.run(id, name);
    if (expiresAfterMs !== undefined) this.ephemeral.declare(id, expiresAfterMs, now);
    return id;
  }

  #readId(subscription: string): number | undefined {
    return this.#sql.id.get(subscription)?.['id'] as number | undefined;
  }
}

function difference(these: ReadonlySet<string>, those: ReadonlySet<string>): string[] {
  return [...these].filter((value) => !those.has(value));
}
