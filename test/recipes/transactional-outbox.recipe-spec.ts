import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { DatabaseSync } from 'node:sqlite';
import { Injectable, Module } from '@nestjs/common';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';
import { fromNodeSqlite, outboxSchema } from '@pigeonpost/queue/outbox';

/** The shop's own database. With pg, Kysely, Drizzle, TypeORM, Knex or Prisma, the executor is another one. */
const db = new DatabaseSync(':memory:');
db.exec('CREATE TABLE orders (id TEXT PRIMARY KEY)');
for (const statement of outboxSchema('sqlite')) db.exec(statement);

interface OrderPlaced {
  readonly orderId: string;
}

@Injectable()
class Orders {
  constructor(private readonly bus: Bus) {}

  /** The order and its event are there together, or neither is. */
  async place(orderId: string): Promise<void> {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.prepare('INSERT INTO orders (id) VALUES (?)').run(orderId);
      await this.bus.publish('order.placed', { orderId }, { key: orderId, tx: fromNodeSqlite(db) });
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  }
}

@Injectable()
class Warehouse {
  readonly packed: string[] = [];

  @Consume('order.placed', { subscription: 'warehouse' })
  onOrder(@Payload() { orderId }: OrderPlaced): void {
    this.packed.push(orderId);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:shop',
      backends: [
        {
          name: 'events',
          driver: 'sqlite',
          file: 'events.db',
          outbox: { executor: fromNodeSqlite(db) },
        },
      ],
    }),
  ],
  providers: [Orders, Warehouse],
})
class ShopModule {}
// #endregion

beforeAll(() => Logger.overrideLogger(false));

describe('a transactional outbox', () => {
  it('tells the warehouse of every order that was committed, and of no other', async () => {
    const app = await Test.createTestingModule({
      imports: [ShopModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [orders, warehouse, harness] = [app.get(Orders), app.get(Warehouse), app.get(QueueHarness)];

    // #region place
    await orders.place('o-1');
    // #endregion
    await expect(orders.place('o-1')).rejects.toThrow('UNIQUE');
    await orders.place('o-2');
    // The relay looks for what was committed on its own, some milliseconds later.
    await harness.clock.advance(500);
    await harness.settled();
    expect(warehouse.packed).toEqual(['o-1', 'o-2']);
    expect(db.prepare('SELECT count(*) AS n FROM outbox').get()).toEqual({ n: 0 });
    await app.close();
  });
});
