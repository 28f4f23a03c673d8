import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus, Consume, Payload, QueueExplainer, QueueModule, Retry, fixed } from '@pigeonpost/queue';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';

interface Order {
  readonly orderId: string;
}

// #region handlers
@Injectable()
class Partners {
  readonly told: string[] = [];

  /** Their interface takes 100 calls a minute. */
  @Consume('order.placed', { subscription: 'partners', rate: { max: 100, per: '1m' } })
  async tell(@Payload() { orderId }: Order): Promise<void> {
    this.told.push(orderId);
  }
}

@Injectable()
class Bank {
  down = false;
  asked = 0;

  /** A bank that is down need not be asked a thousand times a second, and no order is given up for it. */
  @Consume('order.placed', { subscription: 'bank', circuit: { failures: 5, open: '1m' } })
  @Retry({ attempts: 10, backoff: fixed('10s') })
  async charge(@Payload() _order: Order): Promise<void> {
    this.asked++;
    if (this.down) throw new Error('the bank is down');
  }
}

@Injectable()
class Ledger {
  readonly entries: string[] = [];

  /** Whatever number of processes run: one of them writes. */
  @Consume('order.placed', { subscription: 'ledger', single: true, concurrency: 1 })
  async write(@Payload() { orderId }: Order): Promise<void> {
    this.entries.push(orderId);
  }
}
// #endregion

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:shop',
      backends: [{ name: 'events', driver: 'sqlite', file: 'x.db' }],
    }),
  ],
  providers: [Partners, Bank, Ledger],
})
class ShopModule {}

async function open(module: new () => unknown) {
  const app = await Test.createTestingModule({ imports: [module, QueueTestingModule.forRoot()] }).compile();
  await app.init();
  return { app, bus: app.get(Bus), harness: app.get(QueueHarness) };
}

describe('limits of handlers', () => {
  it('hold, and nothing is lost or given up for them', async () => {
    const { app, bus, harness } = await open(ShopModule);
    const [partners, bank, ledger] = [app.get(Partners), app.get(Bank), app.get(Ledger)];
    bank.down = true;
    for (let no = 0; no < 150; no++) await bus.publish('order.placed', { orderId: `o-${no}` });
    await harness.clock.advance(30_000);
    expect(partners.told).toHaveLength(100);
    expect(bank.asked).toBeLessThanOrEqual(10 + 5); // as many as run at once, and those that opened it
    expect(ledger.entries).toHaveLength(150);

    bank.down = false;
    await harness.settled();
    expect(partners.told).toHaveLength(150);
    expect(harness.handled('bank')).toHaveLength(150);
    expect(harness.deadLettered('bank')).toEqual([]);
    await app.close();
  });

  it('stand in the plan with what they leave', async () => {
    const { app } = await open(ShopModule);
    const entries = app
      .get(QueueExplainer)
      .plan()
      .flatMap(({ handler, entries: all }) => all.map((entry) => ({ handler, ...entry })))
      .filter(({ need }) => ['rate', 'circuit', 'single consumer'].includes(need));
    expect(entries.map(({ handler, asked, answer }) => `${handler}: ${asked}: ${answer}`)).toEqual([
      'Partners.tell: 100 starts in 1m at most: composed',
      'Bank.charge: a pause of 1m after 5 failures in a row: composed',
      'Ledger.write: one process at a time: composed',
    ]);
    await app.close();
  });

  it.each([
    [{ rate: { max: 0, per: '1s' } }, /rate\.max is 0/],
    [{ rate: { max: 10, per: '0s' } }, /rate\.per is 0/],
    [{ circuit: { failures: 1.5, open: '1s' } }, /circuit\.failures is 1\.5/],
    [{ single: { lease: '1ms' } }, /single\.lease is 1/],
  ] as const)('are checked at boot: %j', async (options, sentence) => {
    class Wrong {
      @Consume('order.placed', { subscription: 'wrong', ...options })
      handle(): void {}
    }
    @Module({
      imports: [
        QueueModule.forRoot({ source: 'urn:shop', backends: [{ name: 'events', driver: 'memory' }] }),
      ],
      providers: [Wrong],
    })
    class WrongModule {}
    await expect(open(WrongModule)).rejects.toThrow(sentence);
  });
});
