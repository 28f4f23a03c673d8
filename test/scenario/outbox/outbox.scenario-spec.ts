import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { type Backend, Bus, type Peeked, systemAmbient } from '@pigeonpost/queue';
import { fromNodeSqlite, OutboxBackend, outboxSchema } from '@pigeonpost/queue/outbox';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import { type ChildOrder, keyOf, SUBSCRIPTION } from './outbox.order.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(240_000);

const CHILD = join(import.meta.dirname, 'outbox.child.ts');
/** Rows of one relay's batch, which a crash may repeat. */
const BATCH = 16;

class Shop {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pigeonpost-outbox-'));
  readonly #shop = join(this.#folder, 'shop.db');
  readonly #broker = join(this.#folder, 'broker.db');
  readonly #processes = new ScenarioProcesses();
  readonly db = new DatabaseSync(this.#shop, { timeout: 10_000 });
  broker!: Backend;

  static async open(): Promise<Shop> {
    const shop = new Shop();
    shop.db.exec('PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY)');
    for (const statement of outboxSchema('sqlite')) shop.db.exec(statement);
    shop.broker = (await sqliteBackend.open('broker', { file: shop.#broker }, systemAmbient)).backend;
    await shop.broker.ensure({ subscriptions: [SUBSCRIPTION] }, 'create');
    return shop;
  }

  start(order: Pick<ChildOrder, 'orders' | 'relay'>): ScenarioProcess {
    const whole: ChildOrder = { ...order, shop: this.#shop, broker: this.#broker };
    return this.#processes.start(CHILD, whole);
  }

  relay(): ScenarioProcess {
    return this.start({ orders: { from: 0, to: 0 }, relay: true });
  }

  count(table: 'orders' | 'outbox'): number {
    return Number(this.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
  }

  /** Numbers of the orders that reached the broker, in its order. */
  async arrived(): Promise<readonly number[]> {
    const query = {
      kind: 'browse',
      subscription: SUBSCRIPTION.name,
      state: 'ready',
      limit: 1_000_000,
    } as const;
    const found: Peeked[] = [];
    for await (const item of this.broker.inspect(query)) if (item.kind === 'message') found.push(item);
    return found.map(({ id }) => Number(id.slice(2)));
  }

  orders(): readonly number[] {
    return this.db
      .prepare('SELECT id FROM orders ORDER BY id')
      .all()
      .map(({ id }) => Number(id));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await wait(20);
  }

  async close(): Promise<void> {
    await this.#processes.close();
    this.db.close();
    await this.broker.close(new Date(Date.now() + 1_000));
    rmSync(this.#folder, { recursive: true });
  }
}

/** The orders of each customer, in their order, with only the first copy of each. */
function byCustomer(orders: readonly number[]): ReadonlyMap<string, readonly number[]> {
  const customers = new Map<string, number[]>();
  for (const order of new Set(orders)) {
    const key = keyOf(order);
    customers.set(key, [...(customers.get(key) ?? []), order]);
  }
  return customers;
}

let shop: Shop;
beforeEach(async () => void (shop = await Shop.open()));
afterEach(() => shop.close());

describe('an outbox', () => {
  it('publishes what was committed before a kill -9 of the writer, and nothing else', async () => {
    const writer = shop.start({ orders: { from: 0, to: 100_000 }, relay: false });
    await shop.until(() => shop.count('orders') > 300);
    await writer.end('SIGKILL');
    shop.relay();
    await shop.until(() => shop.count('outbox') === 0);
    const [arrived, orders] = [await shop.arrived(), shop.orders()];
    expect(arrived).toHaveLength(orders.length);
    expect(byCustomer(arrived)).toEqual(byCustomer(orders));
  });

  it('keeps the order of each customer with two relays, of which one is killed again and again', async () => {
    const count = 3_000;
    const writer = shop.start({ orders: { from: 0, to: count }, relay: false });
    let killed = 0;
    let relays = [shop.relay(), shop.relay()];
    const written = writer.heard();
    for (; killed < 4; killed++) {
      const before = (await shop.arrived()).length;
      while ((await shop.arrived()).length === before && shop.count('outbox') > 0) await wait(20);
      const [first, second] = relays as [ScenarioProcess, ScenarioProcess];
      await first.end('SIGKILL');
      relays = [second, shop.relay()];
    }
    await written;
    await shop.until(() => shop.count('outbox') === 0);
    const [arrived, orders] = [await shop.arrived(), shop.orders()];
    expect(orders).toHaveLength(count * 0.9);
    expect(byCustomer(arrived)).toEqual(byCustomer(orders));
    expect(arrived.length).toBeLessThanOrEqual(orders.length + killed * BATCH);
  });

  it('drains 100,000 rows in memory that does not grow', async () => {
    const count = 100_000;
    const insert = shop.db.prepare(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, created_at) VALUES (?, 'orders', ?, 'orders', ?, 0)",
    );
    shop.db.exec('BEGIN');
    for (let n = 0; n < count; n++)
      insert.run(`o-${n}`, keyOf(n), `{"order":${n},"text":"${'x'.repeat(200)}"}`);
    shop.db.exec('COMMIT');
    const relayDb = new DatabaseSync(shop.db.location() as string, { timeout: 10_000 });
    const outbox = new OutboxBackend(shop.broker, { executor: fromNodeSqlite(relayDb) }, systemAmbient);
    const before = process.cpuUsage();
    const sizes: number[] = [];
    await outbox.ensure({ subscriptions: [SUBSCRIPTION] }, 'check');
    while (shop.count('outbox') > 0) {
      sizes.push(process.memoryUsage().rss);
      await wait(100);
    }
    // Of the processor, because a machine that is busy with other things is no slower relay.
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1_000_000;
    const growth = (Math.max(...sizes) - (sizes[Math.floor(sizes.length / 10)] as number)) / 2 ** 20;
    const [depth] = await new Bus({ backend: outbox, source: 'urn:shop', ambient: systemAmbient }).depth(
      SUBSCRIPTION.name,
    );
    expect(depth).toMatchObject({ ready: count });
    expect(seconds).toBeLessThan(60);
    expect(growth).toBeLessThan(100);
    await outbox.close(new Date(Date.now() + 5_000));
    relayDb.close();
  });
});
