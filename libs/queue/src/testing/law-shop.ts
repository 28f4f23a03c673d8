import { sleep } from '../ambient/clock.js';
import { fromNodeSqlite } from '../composed/outbox/executors.js';
import { OutboxBackend, type OutboxOptions } from '../composed/outbox/outbox.backend.js';
import { inboxSchema, outboxSchema } from '../composed/outbox/outbox.schema.js';
import type { SqlExecutor } from '../composed/outbox/sql-executor.js';
import type { Outgoing } from '../message/outgoing.js';
import { AlteredBackend } from './altered-backend.js';
import { must } from './expectations.js';
import { Lasting } from './lasting.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from './law-bench.js';
import { ProcessView } from './process-view.js';

/** How long a dead relay keeps the others waiting. */
export const RELAY_LEASE_MS = 3_000;
/** How long a publish is on its way. */
const LATENCY_MS = 3;

/** An application's database in memory, with an outbox and an inbox, beside the broker under the laws. */
export class LawShop {
  /** Ids in the order in which the broker confirmed them, of all processes. */
  readonly relayed: string[] = [];

  private constructor(
    private readonly bench: LawBench,
    /** Any statements, such as BEGIN. */
    readonly exec: (text: string) => void,
    /** Over the one connection that all processes share. */
    readonly executor: SqlExecutor,
  ) {}

  /** Needs a Node that has `node:sqlite`. */
  static async open(bench: LawBench): Promise<LawShop> {
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(':memory:');
    const shop = new LawShop(bench, (text) => db.exec(text), fromNodeSqlite(db));
    for (const statement of [...outboxSchema('sqlite'), ...inboxSchema('sqlite')]) shop.exec(statement);
    bench.onEnd(async () => db.close());
    return shop;
  }

  /** One process with an outbox and a relay. Once it is dead, neither broker nor database hears from it. */
  async process({ diesAfter = Infinity, ...options }: ProcessOptions = {}): Promise<ShopProcess> {
    const { bench } = this;
    const view = new ProcessView(new Lasting(bench.backend));
    const target = new AlteredBackend(view, {
      publish: async (batch, rightly) => {
        await sleep(bench.ambient.clock, LATENCY_MS);
        const results = await rightly(batch);
        batch.forEach(({ id }, at) => results[at]?.status === 'stored' && this.relayed.push(id));
        if (this.relayed.length >= diesAfter) view.kill();
        return results;
      },
    });
    const sql = bench.sqlOf(mortal(this.executor, view));
    const relays = { executor: sql, leaseMs: RELAY_LEASE_MS, batch: 8, ...options };
    const outbox = new OutboxBackend(target, relays, bench.ambient);
    bench.onEnd(() => this.#close(outbox));
    await outbox.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    return { outbox, sql };
  }

  /** Publishes in a transaction of their own, which ends as told. */
  async transact(
    { outbox }: ShopProcess,
    end: 'COMMIT' | 'ROLLBACK',
    messages: readonly Outgoing[],
  ): Promise<void> {
    this.exec('BEGIN');
    const results = await outbox.publish(messages, { tx: this.executor });
    this.exec(end);
    must(
      results.every(({ status }) => status === 'stored'),
      'a publish in a transaction was refused',
    );
  }

  /** Waits until the broker has as many messages, and a while longer. */
  async settle(count: number): Promise<void> {
    await this.bench.time.until(() => this.relayed.length >= count, 60_000);
    await this.bench.time.pass(RELAY_LEASE_MS);
  }

  async #close(outbox: OutboxBackend): Promise<void> {
    let closed = false;
    void outbox.close(new Date(this.bench.ambient.clock.now() + 500)).then(() => (closed = true));
    await this.bench.time.until(() => closed, 2_000);
  }
}

interface ProcessOptions extends Partial<OutboxOptions> {
  /** Dies when the broker has confirmed so many messages of all processes, before it can tell the database. */
  readonly diesAfter?: number;
}

export interface ShopProcess {
  readonly outbox: OutboxBackend;
  /** The database as this process sees it. */
  readonly sql: SqlExecutor;
}

/** Statements of a dead process are never run, and never answered. */
function mortal(executor: SqlExecutor, view: ProcessView): SqlExecutor {
  return {
    ...executor,
    executeSql: (text, values) =>
      view.isDead ? new Promise(() => undefined) : executor.executeSql(text, values),
  };
}
