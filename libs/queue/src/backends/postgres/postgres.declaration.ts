import { type Bounds, sameBounds } from '../../backend/bounds.js';
import { NothingRetainedError, sameRetention, type TopicTopology } from '../../backend/retention.js';
import type { SubscriptionTopology, Topology } from '../../backend/topology.js';
import { matchesTopic } from '../../message/topic-pattern.js';
import { textArray } from './postgres.arrays.js';
import { PostgresLog } from './postgres.log.js';
import { namedStatements, type Session } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

const NOW = 'statement_timestamp()';

const declarationStatements = (s: string) =>
  namedStatements({
    addSubscription: `
      INSERT INTO ${s}.subscriptions (name, expires_after_ms, expires_at)
      VALUES ($1, $2::float8, ${NOW} + $3::float8 * interval '1 ms') RETURNING id`,
    bind: `INSERT INTO ${s}.bindings (topic, subscription_id) SELECT topic, $2 FROM unnest($1::text[]) AS topic`,
    setBounds: `UPDATE ${s}.subscriptions SET bounds = $2, room = 0 WHERE id = $1`,
    startOrder: `UPDATE ${s}.subscriptions SET ordered = true WHERE id = $1`,
    // What is in flight at this moment stays outside the order.
    lineAll: `
      UPDATE ${s}.messages SET line = 0, leased = false, available_at = 'infinity'
      WHERE subscription_id = $1 AND key IS NOT NULL AND line IS NULL AND NOT (leased AND available_at > ${NOW})`,
    expiredSubscriptions: `
      SELECT id FROM ${s}.subscriptions WHERE expires_at <= ${NOW} ORDER BY id FOR UPDATE SKIP LOCKED`,
    removeMessages: `DELETE FROM ${s}.messages WHERE subscription_id = ANY ($1::integer[])`,
    removeDead: `DELETE FROM ${s}.dead WHERE subscription_id = ANY ($1::integer[])`,
    removeBindings: `DELETE FROM ${s}.bindings WHERE subscription_id = ANY ($1::integer[])`,
    removeSubscriptions: `DELETE FROM ${s}.subscriptions WHERE id = ANY ($1::integer[])`,
  });

export interface Declared {
  readonly isChanged: boolean;
  /** Ids of subscriptions that may have messages now. */
  readonly filled: readonly number[];
}

/** Carries out what is declared, inside a transaction that nobody shares with it. */
export class PostgresDeclaration {
  readonly #backend: string;
  readonly #sql: ReturnType<typeof declarationStatements>;
  readonly #log: PostgresLog;

  constructor(backend: string, schema: string) {
    this.#backend = backend;
    this.#sql = declarationStatements(schema);
    this.#log = new PostgresLog(schema);
  }

  /** Throws NothingRetainedError, and then the transaction has to be undone. */
  async run(session: Session, declared: Topology, found: PostgresTopology): Promise<Declared> {
    this.#refuseStartless(declared, found);
    const changed = new Set<string>();
    const filled: number[] = [];
    for (const topic of declared.topics ?? []) {
      if (await this.#retain(session, topic, found)) changed.add(topic.name);
    }
    for (const each of declared.subscriptions) {
      const { id, isChanged, isFilled } = await this.#declare(session, each, found);
      if (isChanged) changed.add(each.name);
      if (isFilled) filled.push(id);
    }
    return { isChanged: changed.size > 0, filled };
  }

  /** Removes those that nobody has asked for long enough. False when there was none. */
  async sweep(session: Session): Promise<boolean> {
    const { rows } = await session.run(this.#sql.expiredSubscriptions, []);
    if (rows.length > 0)
      await this.remove(
        session,
        rows.map(([id]) => Number(id)),
      );
    return rows.length > 0;
  }

  /** The subscriptions and all that is in them. */
  async remove(session: Session, ids: readonly number[]): Promise<void> {
    const these = `{${ids.join(',')}}`;
    await session.run(this.#sql.removeMessages, [these]);
    await session.run(this.#sql.removeDead, [these]);
    await session.run(this.#sql.removeBindings, [these]);
    await session.run(this.#sql.removeSubscriptions, [these]);
  }

  async #retain(
    session: Session,
    { name, retain }: TopicTopology,
    found: PostgresTopology,
  ): Promise<boolean> {
    if (retain === undefined || sameRetention(retain || undefined, found.retentions.get(name))) return false;
    await this.#log.declare(session, name, retain);
    return true;
  }

  async #declare(
    session: Session,
    declared: SubscriptionTopology,
    found: PostgresTopology,
  ): Promise<{ id: number; isChanged: boolean; isFilled: boolean }> {
    const known = found.byName.get(declared.name);
    const id = known?.id ?? (await this.#add(session, declared));
    const missing = [...new Set(declared.topics)].filter((topic) => known?.topics.has(topic) !== true);
    if (missing.length > 0) await session.run(this.#sql.bind, [textArray(missing), id]);
    const isOrderNew = await this.#order(session, id, declared, known);
    const isBoundNew = await this.#bound(session, id, declared.bounds, known);
    const isLate = declared.start === 'earliest' && missing.length > 0;
    const ordered = known?.ordered === true || isOrderNew;
    if (isLate) await this.#giveRetained(session, { id, ordered }, missing, found);
    const isChanged = known === undefined || missing.length > 0 || isOrderNew || isBoundNew;
    return { id, isChanged, isFilled: isLate || isOrderNew };
  }

  async #add(session: Session, { name, expiresAfterMs }: SubscriptionTopology): Promise<number> {
    const ms = expiresAfterMs ?? null;
    const { rows } = await session.run(this.#sql.addSubscription, [name, ms, ms]);
    return Number(rows[0]?.[0]);
  }

  async #order(
    session: Session,
    id: number,
    { order }: SubscriptionTopology,
    known: KnownSubscription | undefined,
  ): Promise<boolean> {
    if (order === undefined || known?.ordered === true) return false;
    await session.run(this.#sql.startOrder, [id]);
    await session.run(this.#sql.lineAll, [id]);
    return true;
  }

  async #bound(
    session: Session,
    id: number,
    bounds: Bounds | false | undefined,
    known: KnownSubscription | undefined,
  ): Promise<boolean> {
    if (bounds === undefined || sameBounds(bounds === false ? undefined : bounds, known?.bounds))
      return false;
    await session.run(this.#sql.setBounds, [id, bounds === false ? null : JSON.stringify(bounds)]);
    return true;
  }

  async #giveRetained(
    session: Session,
    to: { id: number; ordered: boolean },
    topics: readonly string[],
    found: PostgresTopology,
  ): Promise<void> {
    const retained = new Set(topics.flatMap((topic) => found.retainedBy(topic)));
    if (retained.size > 0) await this.#log.give(session, to, [...retained]);
  }

  /** A subscription shall start with what a topic retains, where that retains nothing. */
  #refuseStartless({ topics = [], subscriptions }: Topology, found: PostgresTopology): void {
    const declared = new Map(topics.map(({ name, retain }) => [name, retain]));
    const isRetained = (topic: string): boolean =>
      found.retainedBy(topic).some((name) => declared.get(name) !== false) ||
      topics.some(({ name, retain }) => retain && matchesTopic(topic, name));
    for (const { name, topics: wanted, start } of subscriptions) {
      const bound = found.byName.get(name)?.topics;
      const topic =
        start === 'earliest' && wanted.find((each) => bound?.has(each) !== true && !isRetained(each));
      if (topic) throw new NothingRetainedError(this.#backend, { subscription: name, topic });
    }
  }
}
