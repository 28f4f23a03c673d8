import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Bus,
  Consume,
  DeadLetter,
  lineageOf,
  Payload,
  QueueModule,
  QueueRegistry,
  Retry,
} from '@pigeonpost/queue';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';

interface Order {
  readonly orderId: string;
  readonly amount: number;
}

// #region handler
@Injectable()
class Billing {
  isDown = false;
  readonly charged: string[] = [];

  /** What could not be charged is kept for a month. */
  @Consume('order.placed', { subscription: 'billing' })
  @Retry({ attempts: 2, backoff: () => 100 })
  @DeadLetter({ keep: '30d' })
  async charge(@Payload() { orderId, amount }: Order): Promise<void> {
    if (this.isDown) throw new Error('the bank is down');
    if (amount <= 0) throw new RangeError(`cannot charge ${amount}`);
    this.charged.push(orderId);
  }
}
// #endregion

@Module({
  imports: [QueueModule.forRoot({ source: 'urn:shop', backends: [{ name: 'events', driver: 'memory' }] })],
  providers: [Billing],
})
class ShopModule {}

async function open() {
  const app = await Test.createTestingModule({
    imports: [ShopModule, QueueTestingModule.forRoot()],
  }).compile();
  await app.init();
  return { app, bus: app.get(Bus), harness: app.get(QueueHarness), billing: app.get(Billing) };
}

describe('dead letters of an application', () => {
  it('are found, replayed and edited', async () => {
    const { app, bus, harness, billing } = await open();
    billing.isDown = true;
    await bus.publish('order.placed', { orderId: 'o-1', amount: 5 }, { id: 'e-1' });
    await bus.publish('order.placed', { orderId: 'o-2', amount: 7 }, { id: 'e-2' });
    await harness.settled();
    billing.isDown = false;
    await bus.publish('order.placed', { orderId: 'o-3', amount: -1 }, { id: 'e-3' });
    await harness.settled();

    // #region find
    const letters = bus.deadLetters('billing');
    const outage = { error: 'Error', before: new Date(harness.clock.now()) };
    const found = await letters.browse({ ...outage, limit: 20 });
    // #endregion
    expect(found.map(({ id }) => id)).toEqual(['e-1', 'e-2']);

    const steps: number[] = [];
    // #region replay
    const { ids } = await letters.replayAll(outage, { dryRun: true });
    const replay = letters.replayAll(outage, {
      rate: 20,
      onProgress: ({ replayed }) => steps.push(replayed),
    });
    // #endregion
    await harness.clock.advance(1_000);
    await harness.settled();
    await expect(replay).resolves.toMatchObject({ replayed: 2, state: 'finished' });
    expect([ids, steps]).toEqual([['e-1', 'e-2'], [2]]);
    expect(billing.charged).toEqual(['o-1', 'o-2']);

    // #region edit
    const letter = await letters.get('e-3');
    if (letter !== undefined) {
      await letters.edit(letter, { by: 'ada@example.com', data: { orderId: 'o-3', amount: 1 } });
    }
    // #endregion
    await harness.settled();
    expect(billing.charged).toEqual(['o-1', 'o-2', 'o-3']);
    expect(await letters.browse()).toEqual([]);
    expect(letter && lineageOf(letter)).toEqual({ replays: 0, edited: undefined });
    await app.close();
  });

  it('are removed when their time is over', async () => {
    const { app, bus, harness, billing } = await open();
    billing.isDown = true;
    await bus.publish('order.placed', { orderId: 'o-1', amount: 5 });
    await harness.settled();
    await harness.clock.advance(29 * 86_400_000);
    expect(await bus.deadLetters('billing').browse()).toHaveLength(1);
    await harness.clock.advance(2 * 86_400_000);
    expect(await bus.deadLetters('billing').browse()).toEqual([]);
    expect(app.get(QueueRegistry).status().expired).toEqual({ billing: 1 });
    await app.close();
  });

  it('need a sensible time to be kept', async () => {
    class Wrong {
      @Consume('order.placed', { subscription: 'billing' })
      @DeadLetter({ keep: '10ms' })
      handle(): void {}
    }
    const backends = [{ name: 'events', driver: 'memory' }] as const;
    const imports = [QueueModule.forRoot({ source: 'urn:shop', backends })];
    const app = await Test.createTestingModule({ imports, providers: [Wrong] }).compile();
    await expect(app.init()).rejects.toThrow(
      /Wrong\.handle: deadLetter\.keep is 10, it must be a whole number/,
    );
  });
});
