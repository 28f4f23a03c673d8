import { Test } from '@nestjs/testing';
import { Bus, InvalidPayloadError, QueueModule, type StandardSchema } from '@pigeonpost/queue';
import { IsInt, IsString } from 'class-validator';

// #region schemas
class OrderPlaced {
  @IsString() orderId!: string;
  @IsInt() cents!: number;
}

const orderShipped: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'shop',
    validate: (value) =>
      typeof value === 'string' ? { value } : { issues: [{ message: 'must be the number of a parcel' }] },
  },
};

const schemas = { 'order.placed': OrderPlaced, 'order.shipped': orderShipped };
// #endregion

const TOPICS = ['order.placed', 'order.shipped', 'order.lost'];

function applicationWith(given: object) {
  return Test.createTestingModule({
    imports: [
      QueueModule.forRoot({
        source: 'urn:service:shop',
        backends: [{ name: 'events', driver: 'memory' }],
        topology: { subscriptions: [{ name: 'all', topics: TOPICS }] },
        schemas: given as never,
      }),
    ],
  })
    .compile()
    .then((module) => module.init());
}

describe('what is published', () => {
  it('must keep to the schema of its type, and is sent as it was given', async () => {
    const app = await applicationWith(schemas);
    const bus = app.get(Bus);
    const publishing = bus.publish('order.placed', { orderId: 'o-1', cents: 7, more: true });
    await expect(publishing).resolves.toMatchObject({ copies: 1 });
    await expect(bus.publish('order.shipped', 'p-1')).resolves.toMatchObject({ copies: 1 });
    await expect(bus.publish('order.lost', { anything: 1 })).resolves.toMatchObject({ copies: 1 });
    expect(await bus.depth('all')).toMatchObject([{ ready: 3 }]);
    await app.close();
  });

  it('is refused with the issues, and nothing is sent', async () => {
    const app = await applicationWith(schemas);
    const bus = app.get(Bus);
    const wrong = await bus
      .publish('order.placed', { orderId: 7, cents: 0.5 })
      .catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(InvalidPayloadError);
    expect((wrong as InvalidPayloadError).details).toMatchObject([{ path: 'orderId' }, { path: 'cents' }]);
    const refused = { code: 'invalid_payload' };
    await expect(bus.publish('order.shipped', 7)).rejects.toMatchObject(refused);
    await expect(bus.publish('order.lost', 7, { type: 'order.shipped' })).rejects.toMatchObject(refused);
    await expect(bus.request('order.shipped', 7, { timeout: '1s' })).rejects.toMatchObject(refused);
    expect(await bus.depth('all')).toMatchObject([{ ready: 0 }]);
    await app.close();
  });

  it('is captured when it is published, also while its check waits', async () => {
    const app = await applicationWith(schemas);
    const bus = app.get(Bus);
    const order = { orderId: 'o-1', cents: 7 };
    const publishing = bus.publish('order.placed', order);
    order.cents = 0.5;
    await expect(publishing).resolves.toMatchObject({ copies: 1 });
    await app.close();
  });

  it('needs a schema that is one', async () => {
    await expect(applicationWith({ 'order.placed': class {} })).rejects.toThrow(
      'schemas needs for "order.placed" a class with class-validator rules or a Standard Schema',
    );
  });
});
