import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus, Consume, Payload, QueueModule, type Upcaster } from '@pigeonpost/queue';

// #region upcasters
const orderV2: Upcaster = {
  type: 'order.placed',
  from: '1',
  to: '2',
  up: (data) => {
    const { price, ...order } = data as { id: string; price: number };
    return { ...order, cents: Math.round(price * 100) };
  },
};
// #endregion

interface Order {
  readonly id: string;
  readonly cents: number;
}

// #region handler
@Injectable()
class Orders {
  readonly seen: Order[] = [];

  @Consume('order.placed', { schemaVersion: '2' })
  onOrder(@Payload() order: Order): void {
    this.seen.push(order);
  }
}
// #endregion

class Raw {
  @Consume('order.placed', { schemaVersion: '2', raw: true })
  onOrder(): void {}
}

function applicationWith(options: object, feature: object = {}, handlers: new () => object = Orders) {
  @Module({
    imports: [
      QueueModule.forRoot({
        source: 'urn:service:shop',
        group: 'orders',
        backends: [{ name: 'events', driver: 'memory' }],
        ...options,
      }),
      QueueModule.forFeature(feature),
    ],
    providers: [handlers],
  })
  class ShopModule {}
  return Test.createTestingModule({ imports: [ShopModule] })
    .compile()
    .then((module) => module.init());
}

describe('a handler of one version', () => {
  it.each([
    ['the application', { upcasters: [orderV2] }, {}],
    ['its module', {}, { upcasters: [orderV2] }],
  ])('gets older events as its own, by an upcaster of %s', async (_, options, feature) => {
    const app = await applicationWith(options, feature);
    const bus = app.get(Bus);
    await bus.publish('order.placed', { id: 'o-1', price: 1.1 }, { wait: 'handled' });
    await bus.publish('order.placed', { id: 'o-2', cents: 7 }, { wait: 'handled', schemaVersion: '2' });
    expect(app.get(Orders).seen).toEqual([
      { id: 'o-1', cents: 110 },
      { id: 'o-2', cents: 7 },
    ]);
    await app.close();
  });

  it('never sees a newer one, which is dead at once, with the reason', async () => {
    const app = await applicationWith({ upcasters: [orderV2] });
    const bus = app.get(Bus);
    const publishing = bus.publish('order.placed', { id: 'o-3' }, { wait: 'handled', schemaVersion: '3' });
    await expect(publishing).rejects.toMatchObject({ code: 'dead_lettered' });
    const [dead] = await bus.deadLetters('orders.order.placed').browse();
    expect(dead?.failures.map(({ reason }) => reason)).toEqual(['unknown_version']);
    await app.close();
  });

  it.each([
    [
      { upcasters: [orderV2, { ...orderV2, to: '3' }] },
      /the upcasters of "order.placed": two of them start from version "1"/,
    ],
    [
      { upcasters: [{ ...orderV2, to: '3' }] },
      /Orders.onOrder: takes version "2" of "order.placed", but its upcasters lead/,
    ],
    [{ upcasters: [{ type: 'x' }] }, /upcasters must be a list of objects with the texts type, from and to/],
  ])('stops the start where its upcasters make no chain to it', async (options, sentence) => {
    await expect(applicationWith(options)).rejects.toThrow(sentence);
  });

  it('cannot be a raw one', async () => {
    await expect(applicationWith({}, {}, Raw)).rejects.toThrow(/a raw handler gets bytes/);
  });
});
