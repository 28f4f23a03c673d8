import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Bus,
  Consume,
  Ctx,
  type DomainEvent,
  Event,
  type MessageContext,
  QueueModule,
} from '@pigeonpost/queue';

// #region options
const backends = [{ name: 'events', driver: 'memory', codec: 'cloudevents-structured' } as const];
// #endregion

@Injectable()
class Orders {
  readonly seen: { event: DomainEvent; body: unknown }[] = [];

  @Consume('order.placed')
  onOrder(@Event() event: DomainEvent, @Ctx() { body }: MessageContext): void {
    this.seen.push({ event, body });
  }
}

function applicationWith(options: object) {
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:service:shop', group: 'orders', backends, ...options })],
    providers: [Orders],
  })
  class ShopModule {}
  return Test.createTestingModule({ imports: [ShopModule] })
    .compile()
    .then((module) => module.init());
}

describe('an application that speaks CloudEvents', () => {
  it('writes them, and hands them to its handlers as events', async () => {
    const app = await applicationWith({});
    const bus = app.get(Bus);
    await bus.publish(
      'order.placed',
      { total: 5 },
      { key: 'o-1', extensions: { sequence: '1' }, wait: 'handled' },
    );
    const [{ event, body }] = app.get(Orders).seen as [{ event: DomainEvent; body: string }];
    expect(event).toMatchObject({ event_type: 'order.placed', aggregate_id: 'o-1', data: { total: 5 } });
    expect(JSON.parse(body)).toMatchObject({
      specversion: '1.0',
      type: 'order.placed',
      subject: 'o-1',
      sequence: '1',
    });
    await app.close();
  });

  it('reads those of others, and its own from before', async () => {
    const app = await applicationWith({ backends: [{ name: 'events', driver: 'memory' }] });
    const bus = app.get(Bus);
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/shop',
      'ce-type': 'x',
      'content-type': 'text/plain',
    };
    await bus.publishRaw('order.placed', 'hello', { headers });
    await bus.publish('order.placed', 'hello', { wait: 'handled' });
    const seen = app.get(Orders).seen.map(({ event }) => [event.event_type, event.data, event.content_type]);
    expect(seen).toEqual([
      ['x', 'hello', 'text/plain'],
      ['order.placed', 'hello', undefined],
    ]);
    await app.close();
  });

  it('refuses headers that would speak for the envelope, and attributes that are none', async () => {
    const app = await applicationWith({});
    const bus = app.get(Bus);
    const publishing = (options: object) => bus.publish('order.placed', 1, options);
    await expect(publishing({ headers: { 'CE-id': '7' } })).rejects.toMatchObject({ code: 'invalid_header' });
    await expect(publishing({ extensions: { tenantId: '7' } })).rejects.toMatchObject({
      code: 'invalid_cloud_event',
    });
    await expect(publishing({ extensions: { tenantid: '7' } })).rejects.toMatchObject({
      code: 'invalid_name',
    });
    await app.close();
  });

  it('says at boot which codec it does not know', async () => {
    await expect(
      applicationWith({ backends: [{ name: 'events', driver: 'memory', codec: 'xml' }] }),
    ).rejects.toThrow(
      'backends[0].codec must be one of the following values: native, cloudevents-structured, cloudevents-binary (got "xml")',
    );
  });
});
