import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { InspectQuery, Inspected, Peeked } from '../../backend/inspect.js';
import { textArray } from './postgres.arrays.js';
import type { PostgresBell } from './postgres.bell.js';
import type { PostgresCatalogue } from './postgres.catalogue.js';
import type { PostgresClaims } from './postgres.claims.js';
import type { PostgresDatabase } from './postgres.database.js';
import { decodeBody, decodeHeaders, decodeHistory, encodeHeaders, numberOf } from './postgres.delivery.js';
import { PostgresDepth } from './postgres.depth.js';
import { inspectStatements } from './postgres.inspector.sql.js';
import { PostgresLog } from './postgres.log.js';
import type { Row } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

type Browse = Extract<InspectQuery, { kind: 'browse' }>;
type Purge = Extract<InspectQuery, { kind: 'purge' }>;
type Revive = Extract<InspectQuery, { kind: 'revive' }>;
type Expire = Extract<InspectQuery, { kind: 'expire' }>;

/** Rows read, or removed, by one statement. */
const STEP = { browse: 32, purge: 500 } as const;
/** More than any table holds. */
const ALL = 2 ** 31 - 1;

export interface InspectorParts {
  readonly backend: string;
  readonly database: PostgresDatabase;
  readonly catalogue: PostgresCatalogue;
  readonly claims: PostgresClaims;
  readonly bell: PostgresBell;
}

/** Looks into the database for operators. */
export class PostgresInspector {
  readonly #parts: InspectorParts;
  readonly #sql: ReturnType<typeof inspectStatements>;
  readonly #depth: PostgresDepth;
  readonly #log: PostgresLog;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
    this.#sql = inspectStatements(parts.database.schema);
    this.#depth = new PostgresDepth(parts.database);
    this.#log = new PostgresLog(parts.database.schema);
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    const topology = await this.#parts.catalogue.reload();
    const asked = this.#asked(query, topology);
    // Whose turn it is, and what has expired of it, is decided before anybody looks.
    for (const { id, ordered } of asked) if (ordered) await this.#parts.claims.lineUp(id);
    const [only] = asked as readonly [KnownSubscription];
    switch (query.kind) {
      case 'depth':
        for (const each of asked) yield await this.#depth.of(each);
        return;
      case 'browse':
        return yield* this.#browse(query, only.id);
      case 'purge':
        return yield { kind: 'purged', count: await this.#purge(query, only) };
      case 'expire':
        return yield { kind: 'purged', count: await this.#expire(query, only.id) };
      case 'revive':
        return yield { kind: 'revived', count: await this.#revive(query, only.id) };
      case 'cancel':
        return yield { kind: 'purged', count: await this.#cancel(query.id, asked) };
    }
  }

  #asked(query: InspectQuery, { byName }: PostgresTopology): readonly KnownSubscription[] {
    if (query.kind === 'cancel' || query.subscription === undefined) return [...byName.values()];
    const known = byName.get(query.subscription);
    if (known === undefined) throw new UnknownSubscriptionError(this.#parts.backend, query.subscription);
    return [known];
  }

  async *#browse(query: Browse, subscriptionId: number): AsyncGenerator<Peeked> {
    const { database } = this.#parts;
    let after = query.after === undefined ? '0' : refOf(query.after);
    for (let left = query.limit; left > 0; left -= STEP.browse) {
      const limit = Math.min(left, STEP.browse);
      const values = [subscriptionId, after, query.id ?? null, limit];
      const { rows } = await database.read({ doing: 'browse' }, this.#sql.browse[query.state], values);
      for (const row of rows) yield peeked(row, query);
      if (rows.length < limit) return;
      after = rows.at(-1)?.[0] as string;
    }
  }

  async #purge(query: Purge, { id, ordered }: KnownSubscription): Promise<number> {
    const ref = query.ref === undefined ? null : refOf(query.ref);
    // What gets the turn of a purged message would be purged by a second step: with an order there is but one.
    const step = ordered ? ALL : STEP.purge;
    return this.#inSteps(step, () => this.#purgeStep(query, { id, ref, step }));
  }

  #purgeStep(
    { state }: Purge,
    { id, ref, step }: { id: number; ref: string | null; step: number },
  ): Promise<number> {
    return this.#parts.database.transaction({ doing: 'purge' }, async (session) => {
      await session.run(this.#sql.lineLock, [id]);
      const { rows } = await session.run(this.#sql.purge[state], [id, ref, step]);
      const turns = rows.flatMap(([key]) => (key === null || key === undefined ? [] : [key]));
      if (turns.length > 0) {
        await session.run(this.#sql.lineNext, [id, textArray(turns)]);
        this.#parts.bell.ring([id]);
      }
      return rows.length;
    });
  }

  #expire({ before }: Expire, subscriptionId: number): Promise<number> {
    return this.#inSteps(STEP.purge, async () => {
      const values = [subscriptionId, Math.ceil(before)];
      const { count } = await this.#parts.database.write(
        { doing: 'expire dead letters' },
        this.#sql.expire,
        values,
      );
      return count;
    });
  }

  async #revive({ ref, headers }: Revive, subscriptionId: number): Promise<number> {
    const values = [subscriptionId, refOf(ref), encodeHeaders(headers) ?? null];
    const doing = { doing: 'revive a dead letter' };
    const { count } = await this.#parts.database.write(doing, this.#sql.revive, values);
    if (count > 0) this.#parts.bell.ring([subscriptionId]);
    return count;
  }

  /** Answers how many copies are gone. The id can be published again, windows or not. */
  async #cancel(messageId: string, subscriptions: readonly KnownSubscription[]): Promise<number> {
    const { count, turns } = await this.#parts.database.transaction({ doing: 'cancel' }, async (session) => {
      const gone = [];
      for (const { id } of subscriptions.toSorted((a, b) => a.id - b.id)) {
        await session.run(this.#sql.lineLock, [id]);
        const { rows } = await session.run(this.#sql.cancel, [id, messageId]);
        for (const [topic, turn] of rows) gone.push({ id, topic, turn });
      }
      const passing = gone.filter(({ turn }) => typeof turn === 'string');
      for (const { id, turn } of passing)
        await session.run(this.#sql.lineNext, [id, textArray([turn ?? ''])]);
      const retained = await this.#log.cancel(session, messageId);
      const topics = new Set([...gone.map(({ topic }) => topic ?? ''), ...retained]);
      await session.run(this.#sql.cancelForget, [textArray([...topics]) ?? '{}', messageId]);
      return { count: gone.length, turns: passing };
    });
    this.#parts.bell.ring(turns.map(({ id }) => id));
    return count;
  }

  /** Until a step removes another number than a full one. */
  async #inSteps(step: number, remove: () => Promise<number>): Promise<number> {
    for (let count = 0; ;) {
      const removed = await remove();
      count += removed;
      if (removed !== step) return count;
    }
  }
}

function peeked(row: Row, { state, subscription }: Browse): Peeked {
  const [seq, id, topic, key, priority, headers, history, isText, body, publishedAt] = row;
  const [attempts, crashes, deadAt, holds] = row.slice(10);
  return {
    kind: 'message',
    ref: seq as string,
    state,
    id: id as string,
    topic: topic as string,
    subscription,
    key: key ?? undefined,
    priority: Number(priority ?? 0),
    body: decodeBody(isText, body),
    headers: decodeHeaders(headers),
    publishedAt: Number(publishedAt),
    attempts: Number(attempts),
    crashes: Number(crashes),
    failures: decodeHistory(history),
    deadAt: numberOf(deadAt),
    holdsKey: holds === 't',
  };
}

const REF = /^[1-9]\d{0,17}$/;

/** A reference that is not one of ours names nothing: no message has number 0. */
function refOf(ref: string): string {
  return REF.test(ref) ? ref : '0';
}
