import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { DatabaseSync } from 'node:sqlite';
import { Injectable, Module } from '@nestjs/common';
import { Consume, Ctx, Idempotent, type MessageContext, Payload, QueueModule } from '@pigeonpost/queue';
import { fromNodeSqlite, Inbox, inboxSchema } from '@pigeonpost/queue/outbox';

interface Charge {
  readonly account: string;
  readonly cents: number;
}

/** Calls a bank that takes an idempotency key. The receipt is kept, and answers a request that comes again. */
@Injectable()
class Cards {
  readonly calls: string[] = [];

  @Consume('card.charge', { subscription: 'cards' })
  @Idempotent({ ttl: '30d', result: true })
  async onCharge(
    @Payload() { cents }: Charge,
    @Ctx() { event }: MessageContext,
  ): Promise<{ receipt: string }> {
    this.calls.push(`${event?.idempotency_key} ${cents}`);
    return { receipt: `r-${this.calls.length}` };
  }
}

/** Changes a database of its own: the inbox is in it, and in the same transaction. */
@Injectable()
class Ledger {
  readonly db = new DatabaseSync(':memory:');
  readonly #inbox = new Inbox();

  constructor() {
    this.db.exec('CREATE TABLE accounts (name TEXT PRIMARY KEY, cents INTEGER NOT NULL)');
    for (const statement of inboxSchema('sqlite')) this.db.exec(statement);
  }

  @Consume('card.charge', { subscription: 'ledger', concurrency: 1 })
  async onCharge(@Payload() { account, cents }: Charge, @Ctx() context: MessageContext): Promise<void> {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      if (await this.#inbox.claim(fromNodeSqlite(this.db), context)) {
        this.db
          .prepare(
            'INSERT INTO accounts VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents',
          )
          .run(account, cents);
      }
      this.db.exec('COMMIT');
    } catch (error) {
      this.db.exec('ROLLBACK');
      throw error;
    }
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:payments',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [Cards, Ledger],
})
class PaymentsModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('effectively once', () => {
  it('takes effect once, through a crash before the acknowledgement and a repeated request', async () => {
    const app = await Test.createTestingModule({
      imports: [PaymentsModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [bus, harness] = [app.get(Bus), app.get(QueueHarness)];
    const [cards, { db }] = [app.get(Cards), app.get(Ledger)];

    harness.faults.crashBeforeAck('cards');
    harness.faults.crashBeforeAck('ledger');
    // #region publish
    const charge = { account: 'ada', cents: 1_250 };
    await bus.publish('card.charge', charge, { idempotencyKey: 'invoice-7' });
    // #endregion
    await bus.publish('card.charge', charge, { idempotencyKey: 'invoice-7' });
    await harness.settled();
    expect(cards.calls).toEqual(['invoice-7 1250']);
    expect(db.prepare('SELECT * FROM accounts').all()).toEqual([{ name: 'ada', cents: 1_250 }]);
    await app.close();
    db.close();
  });
});
