import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
// #region quickstart
import { Injectable, Module } from '@nestjs/common';
import { Bus, Consume, exponential, Idempotent, Payload, QueueModule, Retry } from '@pigeonpost/queue';
import { IsEmail, IsString } from 'class-validator';

class OrderPlaced {
  @IsString() orderId!: string;
  @IsEmail() email!: string;
}

@Injectable()
class Receipts {
  readonly sent: string[] = [];

  @Consume('order.placed')
  @Idempotent()
  @Retry({ attempts: 5, backoff: exponential('1s') })
  async onOrderPlaced(@Payload() order: OrderPlaced): Promise<void> {
    this.sent.push(order.email);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:shop',
      group: 'receipts',
      backends: [{ name: 'events', driver: 'memory' }],
    }),
  ],
  providers: [Receipts],
})
class AppModule {}
// #endregion

beforeAll(() => Logger.overrideLogger(false));

describe('the example of the README', () => {
  it('handles a published event once, and keeps an invalid one as a dead letter', async () => {
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    const bus = app.get(Bus);

    // #region publish
    await bus.publish('order.placed', { orderId: 'o-1', email: 'ada@example.com' }, { wait: 'handled' });
    // #endregion
    await bus.publish(
      'order.placed',
      { orderId: 'o-1', email: 'ada@example.com' },
      { id: 'twice', wait: 'handled' },
    );
    await bus.publish(
      'order.placed',
      { orderId: 'o-1', email: 'ada@example.com' },
      { id: 'twice', wait: 'handled' },
    );
    await expect(
      bus.publish('order.placed', { orderId: 7 }, { id: 'bad', wait: 'handled' }),
    ).rejects.toMatchObject({
      code: 'dead_lettered',
    });

    expect(app.get(Receipts).sent).toEqual(['ada@example.com', 'ada@example.com']);
    const [letter] = await bus.deadLetters('receipts.order.placed').browse();
    expect(letter).toMatchObject({ id: 'bad', attempts: 1, failures: [{ reason: 'invalid_payload' }] });
    await app.close();
  });
});
