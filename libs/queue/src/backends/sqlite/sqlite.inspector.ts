import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Clock } from '../../ambient/clock.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { Depth, InspectQuery, Inspected, MessageState, Peeked } from '../../backend/inspect.js';
import type { Body } from '../../message/body.js';
import { SqliteCancel } from './sqlite.cancel.js';
import type { SqliteBell } from './sqlite.bell.js';
import { decodeHeaders, decodeHistory, encodeHeaders } from './sqlite.delivery.js';
import { FREE, HELD } from './sqlite.schema.js';
import type { SqliteTopology } from './sqlite.topology.js';
import type { SqliteMessages } from './sqlite.wire.js';
import type { SqliteWriter } from './sqlite.writer.js';

type Row = Readonly<Record<string, SQLOutputValue>>;
type Browse = Extract<InspectQuery, { kind: 'browse' }>;
type Revive = Extract<InspectQuery, { kind: 'revive' }>;
type Purge = Extract<InspectQuery, { kind: 'purge' }>;
type Expire = Extract<InspectQuery, { kind: 'expire' }>;

/** Rows read, or removed, before others get a turn. */
const STEP = { browse: 32, purge: 500 } as const;

const ALIVE = '(expires_at IS NULL OR expires_at > :now)';

/** A lease that ran out makes its message ready again; an expired message is gone although its row may not be yet. */
const WHERE: Readonly<Record<Exclude<MessageState, 'dead'>, string>> = {
  ready: `available_at <= :now AND ${ALIVE}`,
  delayed: `available_at > :now AND available_at <> ${HELD} AND token = ${FREE} AND ${ALIVE}`,
  held: `available_at = ${HELD} AND ${ALIVE}`,
  inflight: `available_at > :now AND token <> ${FREE}`,
};

const COUNTS = `
  SELECT
    (SELECT count(*) FROM messages WHERE subscription_id = :subscriptionId AND ${WHERE.ready}) AS ready,
    (SELECT count(*) FROM messages WHERE subscription_id = :subscriptionId AND ${WHERE.delayed}) AS delayed,
    (SELECT count(*) FROM messages WHERE subscription_id = :subscriptionId AND ${WHERE.held}) AS held,
    (SELECT count(*) FROM messages WHERE subscription_id = :subscriptionId AND ${WHERE.inflight}) AS inflight,
    (SELECT count(*) FROM dead WHERE subscription_id = :subscriptionId) AS dead,
    (SELECT published_at FROM messages WHERE subscription_id = :subscriptionId AND ${WHERE.ready}
      ORDER BY available_at LIMIT 1) AS oldest_at`;

/** Something that has expired still has the turn of its key. */
const STALE_TURN = `
  SELECT 1 FROM messages
  WHERE subscription_id = ?1 AND expires_at <= ?2 AND in_order IS NOT NULL AND available_at <> ${HELD}
    AND (available_at <= ?2 OR token = ${FREE})
  LIMIT 1`;

const EXPIRED =
  'SELECT seq FROM dead WHERE subscription_id = :subscriptionId AND dead_at < :before AND holds IS NULL';

const LIVE_COLUMNS = `
  seq, id, topic, key, headers, history, body, priority, published_at, NULL AS dead_at, NULL AS holds, deliveries - releases AS attempts,
  deliveries - failures - releases - (available_at > :now AND token <> ${FREE}) AS crashes`;
const DEAD_COLUMNS = `seq, id, topic, key, headers, history, body, priority, published_at, dead_at, holds, attempts, crashes`;

/** Looks into the database for operators. Statements are made per question: it is not asked often. */
export class SqliteInspector {
  readonly #backend: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #topology: SqliteTopology;
  readonly #writer: SqliteWriter;
  readonly #bell: SqliteBell;
  readonly #messages: SqliteMessages;
  readonly #cancel: SqliteCancel;

  constructor(
    backend: string,
    parts: {
      db: DatabaseSync;
      clock: Clock;
      topology: SqliteTopology;
      writer: SqliteWriter;
      bell: SqliteBell;
      messages: SqliteMessages;
    },
  ) {
    this.#backend = backend;
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#topology = parts.topology;
    this.#writer = parts.writer;
    this.#bell = parts.bell;
    this.#messages = parts.messages;
    this.#cancel = new SqliteCancel(parts.db, parts.topology);
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    const only = query.kind === 'cancel' ? undefined : query.subscription;
    for (const id of this.#asked(only)) await this.#passStaleTurns(id);
    switch (query.kind) {
      case 'depth':
        return yield* this.#depths(query.subscription);
      case 'browse':
        return yield* this.#browse(query, this.#idOf(query.subscription));
      case 'purge':
        return yield { kind: 'purged', count: await this.#purge(query, this.#idOf(query.subscription)) };
      case 'expire':
        return yield { kind: 'purged', count: await this.#expire(query, this.#idOf(query.subscription)) };
      case 'revive':
        return yield { kind: 'revived', count: await this.#revive(query, this.#idOf(query.subscription)) };
      case 'cancel':
        return yield { kind: 'purged', count: await this.#cancelled(query.id) };
    }
  }

  #asked(only: string | undefined): readonly number[] {
    return only === undefined ? this.#topology.subscriptions().map(({ id }) => id) : [this.#idOf(only)];
  }

  /** What has expired in an order passes its turn on before anybody looks. */
  async #passStaleTurns(subscriptionId: number): Promise<void> {
    if (!this.#topology.isOrderedNow(subscriptionId)) return;
    const stale = this.#db.prepare(STALE_TURN);
    while (stale.get(subscriptionId, this.#clock.now()) !== undefined) {
      await this.#writer.submit('pass turns on', () => {
        this.#bell.mark();
        this.#messages.sweep(subscriptionId, this.#clock.now());
      });
    }
  }

  #idOf(subscription: string): number {
    const id = this.#topology.find(subscription)?.id;
    if (id === undefined) throw new UnknownSubscriptionError(this.#backend, subscription);
    return id;
  }

  *#depths(only: string | undefined): Generator<Depth> {
    if (only !== undefined) return yield this.#depth(only, this.#idOf(only));
    for (const { id, name } of this.#topology.subscriptions()) yield this.#depth(name, id);
  }

  #depth(subscription: string, subscriptionId: number): Depth {
    const now = this.#clock.now();
    const row = this.#db.prepare(COUNTS).get({ subscriptionId, now }) as Row;
    const oldestAt = row['oldest_at'] as number | null;
    const dropped = this.#topology.bounds.dropped(subscriptionId);
    return {
      kind: 'depth',
      subscription,
      ready: row['ready'] as number,
      delayed: row['delayed'] as number,
      held: row['held'] as number,
      inflight: row['inflight'] as number,
      dead: row['dead'] as number,
      oldestReadyMs: oldestAt === null ? undefined : now - oldestAt,
      ...(dropped !== undefined && { dropped }),
    };
  }

  *#browse(query: Browse, subscriptionId: number): Generator<Peeked> {
    const statement = this.#browseStatement(query);
    let after = query.after === undefined ? 0 : parseRef(query.after);
    for (let left = query.limit; left > 0; left -= STEP.browse) {
      const limit = Math.min(left, STEP.browse);
      const rows = statement.all({
        subscriptionId,
        now: this.#clock.now(),
        after,
        id: query.id ?? null,
        limit,
      });
      for (const row of rows) yield peeked(row, query);
      if (rows.length < limit) return;
      after = rows[rows.length - 1]?.['seq'] as number;
    }
  }

  /** In the order of publication, which is the table's own: the plus keeps SQLite from sorting an index instead. */
  #browseStatement({ state }: Browse): StatementSync {
    const [table, columns, where] =
      state === 'dead' ? ['dead', DEAD_COLUMNS, ':now > 0'] : ['messages', LIVE_COLUMNS, WHERE[state]];
    return this.#db.prepare(`
      SELECT ${columns} FROM ${table}
      WHERE +subscription_id = :subscriptionId AND seq > :after AND (:id IS NULL OR id = :id) AND ${where}
      ORDER BY seq LIMIT :limit`);
  }

  #cancelled(id: string): Promise<number> {
    return this.#writer.submit('cancel', () => {
      this.#bell.mark();
      return this.#cancel.run(id, this.#clock.now());
    });
  }

  #revive({ ref, headers }: Revive, subscriptionId: number): Promise<number> {
    return this.#writer.submit('revive a dead letter', () => {
      const { keyOrder } = this.#topology;
      this.#bell.mark();
      return keyOrder.revive(subscriptionId, parseRef(ref), encodeHeaders(headers), this.#clock.now())
        ? 1
        : 0;
    });
  }

  async #purge(query: Purge, subscriptionId: number): Promise<number> {
    const step = isOneStep(query, this.#topology.isOrderedNow(subscriptionId)) ? -1 : STEP.purge;
    const statement = this.#purgeStatement(query);
    const bound = { subscriptionId, seq: query.ref === undefined ? null : parseRef(query.ref), step };
    return this.#inSteps('purge', step, () => this.#purgeStep(statement, bound));
  }

  /** Looks first: nearly always there is nothing to do, and then nothing is written. */
  async #expire({ before }: Expire, subscriptionId: number): Promise<number> {
    const bound = { subscriptionId, before };
    if (this.#db.prepare(`${EXPIRED} LIMIT 1`).get(bound) === undefined) return 0;
    const statement = this.#db.prepare(`DELETE FROM dead WHERE seq IN (${EXPIRED} LIMIT ${STEP.purge})`);
    return this.#inSteps('expire dead letters', STEP.purge, () => Number(statement.run(bound).changes));
  }

  /** Until a step removes another number than a full one. */
  async #inSteps(doing: string, step: number, remove: () => number): Promise<number> {
    for (let count = 0; ;) {
      const removed = await this.#writer.submit(doing, remove);
      count += removed;
      if (removed !== step) return count;
    }
  }

  /** The keys whose turn it took go on. Answers how many messages are gone. */
  #purgeStep(statement: StatementSync, bound: Readonly<Record<string, number | null>>): number {
    const now = this.#clock.now();
    const removed = statement.all({ ...bound, now });
    const subscriptionId = bound['subscriptionId'] as number;
    for (const { turn } of removed as readonly { turn?: string | null }[]) {
      if (typeof turn !== 'string') continue;
      this.#bell.mark();
      this.#topology.keyOrder.next({ subscriptionId, key: turn }, now);
    }
    return removed.length;
  }

  #purgeStatement({ state }: Purge): StatementSync {
    const [table, where, hasTurn] =
      state === 'dead'
        ? ['dead', ':now > 0', 'holds IS NOT NULL']
        : ['messages', WHERE[state], `in_order IS NOT NULL AND available_at <> ${HELD}`];
    return this.#db.prepare(`
      DELETE FROM ${table} WHERE seq IN (
        SELECT seq FROM ${table}
        WHERE subscription_id = :subscriptionId AND (:seq IS NULL OR seq = :seq) AND ${where}
        LIMIT :step)
      RETURNING CASE WHEN ${hasTurn} THEN key END AS turn`);
  }
}

/** What is purged passes its turn on, and what gets it would be purged by a second step: then there is but one. */
function isOneStep({ state }: Purge, ordered: boolean): boolean {
  return ordered && (state === 'ready' || state === 'delayed');
}

function peeked(row: Row, { state, subscription }: Browse): Peeked {
  return {
    kind: 'message',
    ref: String(row['seq']),
    state,
    id: row['id'] as string,
    topic: row['topic'] as string,
    subscription,
    key: (row['key'] as string | null) ?? undefined,
    priority: (row['priority'] as number | null) ?? 0,
    body: row['body'] as Body,
    headers: decodeHeaders(row['headers']),
    publishedAt: row['published_at'] as number,
    attempts: row['attempts'] as number,
    crashes: row['crashes'] as number,
    failures: decodeHistory(row['history']),
    deadAt: (row['dead_at'] as number | null) ?? undefined,
    holdsKey: row['holds'] !== null,
  };
}

/** A reference that is not one of ours names nothing: no message has number 0. */
function parseRef(ref: string): number {
  const seq = Number(ref);
  return Number.isSafeInteger(seq) ? seq : 0;
}
