import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Consume, fixed, Payload, QueueModule, Retry } from '@pigeonpost/queue';

interface OrderPlaced {
  readonly orderId: string;
}

/** Two subscriptions of one topic: each gets every order, and knows nothing of the other. */
@Injectable()
class Mailer {
  readonly mailed: string[] = [];

  @Consume('order.placed', { subscription: 'mailer' })
  async onOrder(@Payload() { orderId }: OrderPlaced): Promise<void> {
    this.mailed.push(orderId);
  }
}

@Injectable()
class Accounts {
  readonly booked: string[] = [];
  fails = 1;

  @Consume('order.placed', { subscription: 'accounts' })
  @Retry({ attempts: 3, backoff: fixed('10s') })
  async onOrder(@Payload() { orderId }: OrderPlaced): Promise<void> {
    if (this.fails-- > 0) throw new Error('the books are closed');
    this.booked.push(orderId);
  }
}

/** Comes later, and wants what was before it. */
@Injectable()
class Statistics {
  readonly counted: string[] = [];

  @Consume('order.placed', { subscription: 'statistics', start: 'earliest' })
  async onOrder(@Payload() { orderId }: OrderPlaced): Promise<void> {
    this.counted.push(orderId);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:shop',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
      topology: { topics: [{ name: 'order.placed', retain: { for: '30d' } }] },
    }),
  ],
  providers: [Mailer, Accounts, Statistics],
})
class ShopModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('publish and subscribe', () => {
  it('gives every subscription its own copy, its own retries, and a late one what was before it', async () => {
    const app = await Test.createTestingModule({
      imports: [ShopModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [bus, harness] = [app.get(Bus), app.get(QueueHarness)];

    // #region publish
    const receipt = await bus.publish('order.placed', { orderId: 'o-1' }, { key: 'o-1' });
    // #endregion
    expect(receipt.copies).toBe(3);
    await harness.settled();
    expect(app.get(Mailer).mailed).toEqual(['o-1']);
    expect(app.get(Accounts).booked).toEqual(['o-1']);
    expect(app.get(Statistics).counted).toEqual(['o-1']);
    await app.close();
  });
});
