import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type BackendConfig, Bus, Consume, QueueExplainer, QueueModule } from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { plainQueues, realTime } from '@pigeonpost/queue/testing';

/** A broker whose topics have one queue each, and that cannot remember anything. */
const plain = plainQueues(memoryBackend);
const forgetful = {
  ...plain,
  open: async (...given: Parameters<typeof plain.open>) => ({
    backend: (await plain.open(...given)).backend,
  }),
};

let app: INestApplicationContext | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

@Injectable()
class Offices {
  readonly billed: unknown[] = [];
  readonly shipped: unknown[] = [];

  @Consume('order.placed', { subscription: 'billing' })
  bill(order: unknown): void {
    this.billed.push(order);
  }

  @Consume('order.placed', { subscription: 'shipping' })
  ship(order: unknown): void {
    this.shipped.push(order);
  }
}

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:shop',
      backends: [
        { name: 'queues', driver: forgetful, primary: true, store: 'memory' },
        { name: 'memory', driver: 'memory' },
      ],
    }),
  ],
  providers: [Offices],
})
class ShopModule {}
// #endregion

async function start(backends: readonly BackendConfig[]): Promise<void> {
  const module = QueueModule.forRoot({ source: 'urn:shop', backends });
  const made = await Test.createTestingModule({ imports: [module], providers: [Offices] }).compile();
  app = await made.init();
}

describe('subscriptions of a broker with one queue per topic', () => {
  it('each get a copy, and the plan says how', async () => {
    app = await (await Test.createTestingModule({ imports: [ShopModule] }).compile()).init();
    const { billed, shipped } = app.get(Offices);
    await app.get(Bus).publish('order.placed', 1);
    await app.get(Bus).publish('order.placed', 2);
    await realTime().until(() => billed.length + shipped.length === 4, 10_000);
    expect([billed, shipped]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const [plan] = app.get(QueueExplainer).plan();
    expect(plan?.entries.find(({ need }) => need === 'fan-out')).toMatchObject({
      answer: 'composed',
      leaves: expect.stringContaining('with the same id'),
    });
  });

  it('stop the start where nothing remembers who listens', async () => {
    await expect(start([{ name: 'queues', driver: forgetful }])).rejects.toThrow(
      /Offices\.bill asks for fan-out .* gives it and shipping one copy to share: name in `store` a backend/,
    );
  });
});
