import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Consume, exponential, Payload, QueueModule, Retry } from '@pigeonpost/queue';

interface OrderPlaced {
  readonly orderId: string;
}

/** Two packages for one order are a nuisance; no package is a complaint. */
@Injectable()
class Warehouse {
  readonly packed: string[] = [];
  closed = false;

  @Consume('order.placed', { subscription: 'warehouse' })
  @Retry({ attempts: 5, backoff: exponential('1s') })
  async onOrder(@Payload() { orderId }: OrderPlaced): Promise<void> {
    if (this.closed) throw new Error('the warehouse is closed');
    this.packed.push(orderId);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:shop',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [Warehouse],
})
class ShopModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('a queue with at least once', () => {
  it('repeats what a crash left open, and keeps what never succeeds', async () => {
    const app = await Test.createTestingModule({
      imports: [ShopModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [bus, harness, warehouse] = [app.get(Bus), app.get(QueueHarness), app.get(Warehouse)];

    harness.faults.crashBeforeAck('warehouse');
    // #region publish
    await bus.publish('order.placed', { orderId: 'o-1' }, { key: 'o-1' });
    // #endregion
    await harness.settled();
    expect(warehouse.packed).toEqual(['o-1', 'o-1']);

    warehouse.closed = true;
    await bus.publish('order.placed', { orderId: 'o-2' });
    await harness.settled();
    const letters = await bus.deadLetters('warehouse').browse();
    expect(letters.map(({ attempts }) => attempts)).toEqual([5]);
    await app.close();
  });
});
