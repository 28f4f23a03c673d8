import { Injectable, Logger, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  type DomainEvent,
  Event,
  explainApplication,
  Payload,
  planTable,
  QueueModule,
} from '@pigeonpost/queue';
import { realTime } from '@pigeonpost/queue/testing';
import { brokerUrl, describeWith, whyMissing } from '../broker-url.js';
import { Others } from './others.js';
import { removeQueues } from './remove-queues.js';

const shop = `shop-${process.pid}`;
const prefix = `mixed-${process.pid}`;
const url = whyMissing('rabbitmq') === undefined ? brokerUrl('rabbitmq') : 'amqp://localhost';

interface Order {
  readonly orderId: string;
}

// #region handler
@Injectable()
class Warehouse {
  readonly packed: string[] = [];

  @Consume('shop.order', { subscription: 'warehouse' })
  onOrder(@Payload() { orderId }: Order, @Event() event: DomainEvent<Order>): void {
    this.packed.push(`${orderId} by ${event.event_type}`);
  }
}
// #endregion

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:warehouse',
      backends: [
        {
          name: 'events',
          driver: 'rabbitmq',
          url,
          prefix,
          codec: 'cloudevents-binary',
          exchanges: {
            'shop.order': { exchange: `${shop}.orders`, routingKey: 'order.created.*' },
            'shop.alert': { exchange: `${shop}.alerts`, headers: { level: 'high', team: 'warehouse' } },
            'shop.job': { exchange: '', routingKey: `${shop}.jobs` },
          },
        },
      ],
    }),
  ],
  providers: [Warehouse],
})
class WarehouseModule {}
// #endregion

@Injectable()
class Jobs {
  @Consume('shop.job', { subscription: 'jobs' })
  onJob(): void {
    throw new Error('nobody listens to a queue of somebody else');
  }
}

@Module({ imports: [WarehouseModule], providers: [Jobs] })
class ListeningModule {}

describeWith('rabbitmq', 'a shop of old and new services', () => {
  const time = realTime();
  let others: Others;
  let app: TestingModule;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    others = await Others.on(url);
    await others.exchange('topic', `${shop}.orders`);
    await others.exchange('headers', `${shop}.alerts`);
    app = await Test.createTestingModule({ imports: [WarehouseModule] }).compile();
    await app.init();
  }, 30_000);

  afterAll(async () => {
    await app?.close();
    await removeQueues(url, prefix, ['warehouse']);
    await others?.dispose();
  });

  it('handles what an old service publishes', async () => {
    const options = { type: 'OrderCreated', contentType: 'application/json' };
    others.send(`${shop}.orders`, 'order.created.eu', '{"orderId":"o-1"}', options);
    const { packed } = app.get(Warehouse);
    await time.until(() => packed.length > 0, 20_000);
    expect(packed).toEqual(['o-1 by OrderCreated']);
  });

  it('publishes what an old service reads', async () => {
    const queue = await others.queue(`${shop}.alerts`, '', { 'x-match': 'all', level: 'high' });
    // #region publish
    await app.get(Bus).publish('shop.alert', { shelf: 7 }, { id: 'alert-1', correlationId: 'round-4' });
    // #endregion
    const got = await others.got(queue);
    expect(got?.content.toString()).toBe('{"shelf":7}');
    expect(got?.properties).toMatchObject({
      messageId: 'alert-1',
      type: 'shop.alert',
      contentType: 'application/json',
      correlationId: 'round-4',
      headers: { level: 'high', team: 'warehouse' },
    });
  });

  it('tells in the plan where its topics lie, and refuses a handler of a queue of somebody else', async () => {
    expect(planTable(await explainApplication(WarehouseModule))).toContain(
      `shop.order is exchange "${shop}.orders", routing key "order.created.*"`,
    );
    const start = Test.createTestingModule({ imports: [ListeningModule] }).compile();
    await expect(start.then((module) => module.init())).rejects.toThrow(
      /Jobs\.onJob asks for fan-out .*only sends to topic shop\.job, which is queue ".*jobs" of somebody else/,
    );
  });
});
