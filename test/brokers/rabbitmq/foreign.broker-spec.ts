import { type Backend, decodeEvent, type Delivery, type Receiver } from '@pigeonpost/queue';
import type { ForeignExchange } from '@pigeonpost/queue/rabbitmq';
import type { Options } from 'amqplib';
import { brokerUrl, describeWith } from '../broker-url.js';
import { Others } from './others.js';
import { Shop, WORK } from './shop.js';

const ORDER = 'shop.order';
const LEASE_MS = 30_000;
const JSON_BODY = '{"orderId":"o-1"}';

/** How an exchange of each type tells what we want from what we do not. */
const KINDS: readonly {
  readonly type: string;
  readonly place: Omit<ForeignExchange, 'exchange'>;
  readonly theirs: readonly [routingKey: string, options: Options.Publish];
  readonly passedOver: readonly [routingKey: string, options: Options.Publish] | undefined;
}[] = [
  { type: 'direct', place: { routingKey: 'created' }, theirs: ['created', {}], passedOver: ['paid', {}] },
  { type: 'fanout', place: {}, theirs: ['whatever', {}], passedOver: undefined },
  {
    type: 'topic',
    place: { routingKey: 'order.*.eu' },
    theirs: ['order.created.eu', {}],
    passedOver: ['order.created.us', {}],
  },
  {
    type: 'headers',
    place: { headers: { level: 'high', zone: 'eu' } },
    theirs: ['', { headers: { level: 'high', zone: 'eu', more: 1 } }],
    passedOver: ['', { headers: { level: 'high' } }],
  },
];

describeWith('rabbitmq', 'exchanges of somebody else', () => {
  const url = brokerUrl('rabbitmq');
  let others: Others;
  let shop: Shop;

  beforeEach(async () => {
    others = await Others.on(url);
    shop = new Shop(url);
  });

  afterEach(async () => {
    await shop.dispose();
    await others.dispose();
  });

  const open = async (exchanges: Record<string, ForeignExchange>, ...topics: string[]): Promise<Backend> => {
    const backend = await shop.open({ exchanges });
    await backend.ensure({ subscriptions: [{ name: WORK, topics }] }, 'create');
    return backend;
  };
  const listen = (backend: Backend, ...topics: string[]): Promise<Receiver> =>
    backend.open({ name: WORK, topics, leaseMs: LEASE_MS });
  const ack = async (receiver: Receiver, delivery: Delivery): Promise<void> =>
    expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['ok']);

  it.each(KINDS)('are listened to: $type', async ({ type, place, theirs, passedOver }) => {
    const exchange = await others.exchange(type);
    const backend = await open({ [ORDER]: { exchange, ...place } }, ORDER);
    const receiver = await listen(backend, ORDER);
    if (passedOver !== undefined) others.send(exchange, passedOver[0], 'not for us', passedOver[1]);
    const [routingKey, options] = theirs;
    others.send(exchange, routingKey, JSON_BODY, {
      ...options,
      messageId: 'm-1',
      type: 'Created',
      contentType: 'application/json',
      timestamp: 1_700_000_000,
    });
    const delivery = await shop.take(receiver);
    expect([delivery.id, delivery.topic, delivery.attempt]).toEqual(['m-1', ORDER, 1]);
    expect(Buffer.from(delivery.body as Uint8Array).toString()).toBe(JSON_BODY);
    expect(decodeEvent(delivery.body, delivery.headers, delivery.publishedAt)).toMatchObject({
      event_id: 'm-1',
      event_type: 'Created',
      timestamp: '2023-11-14T22:13:20.000Z',
      data: { orderId: 'o-1' },
    });
    await ack(receiver, delivery);
  });

  it.each(KINDS)('are published to: $type', async ({ type, place }) => {
    const exchange = await others.exchange(type);
    const routingKey = type === 'topic' ? 'order.created.eu' : (place.routingKey ?? '');
    const backend = await open({ [ORDER]: { exchange, ...place, routingKey } }, 'other');
    expect(await shop.publish(backend, { topic: ORDER })).toMatchObject({
      status: 'refused',
      error: { code: 'unroutable', message: expect.stringContaining(exchange) as string },
    });
    const queue = await others.queue(exchange, place.routingKey, { ...place.headers, 'x-match': 'all' });
    const headers = { 'x-request-id': 'r-1' };
    const published = await shop.publish(backend, { topic: ORDER, id: 'p-1', body: JSON_BODY, headers });
    expect(published).toMatchObject({ status: 'stored' });
    const got = await others.got(queue);
    expect(got?.content.toString()).toBe(JSON_BODY);
    expect(got?.fields.routingKey).toBe(routingKey);
    expect(got?.properties).toMatchObject({ messageId: 'p-1', type: ORDER, deliveryMode: 2 });
    expect(got?.properties.headers).toMatchObject({ ...place.headers, ...headers });
    expect(Math.abs(Number(got?.properties.timestamp) - Date.now() / 1_000)).toBeLessThan(60);
  });

  it('that are missing stop the start, by their name', async () => {
    const exchange = `${others.prefix}-nowhere`;
    await expect(shop.open({ exchanges: { [ORDER]: { exchange } } })).rejects.toThrow(
      new RegExp(`could not use exchange "${exchange}": it does not exist: its owner has to make it`),
    );
  });

  it('are listened to again when their owner has deleted and made them anew', async () => {
    const exchange = await others.exchange('fanout');
    const backend = await open({ [ORDER]: { exchange } }, 'shop.#');
    const receiver = await listen(backend, 'shop.#');
    await others.remove(exchange);
    expect(await shop.publish(backend, { topic: ORDER })).toMatchObject({ status: 'unknown' });
    await shop.until(() => backend.status().state === 'degraded');
    expect(backend.status().lastError).toContain(`exchange "${exchange}": it does not exist`);
    expect(await shop.publish(backend)).toMatchObject({ status: 'stored' }); // our own go on
    await others.exchange('fanout', exchange);
    await shop.until(() => backend.status().state === 'up');
    others.send(exchange, '', JSON_BODY, { messageId: 'm-2' });
    const came = [await shop.take(receiver), await shop.take(receiver)].map(({ topic }) => topic);
    expect(came.toSorted()).toEqual(['orders', ORDER]);
    expect(await shop.publish(backend, { topic: ORDER })).toMatchObject({ status: 'stored' });
  }, 40_000);

  it('leave nothing out of a message over a retry, a dead letter and a replay', async () => {
    const exchange = await others.exchange('topic');
    const backend = await open({ [ORDER]: { exchange, routingKey: 'order.#' } }, ORDER);
    const receiver = await listen(backend, ORDER);
    others.send(exchange, 'order.created', JSON_BODY, {
      contentType: 'application/json',
      correlationId: 'c-1',
      headers: { zone: 'eu', 'x-request-id': 'r-1' },
    });
    const first = await shop.take(receiver);
    const error = { name: 'Error', message: 'no' };
    const failure = {
      attempt: 1,
      at: 1,
      reason: 'handler_error',
      error,
      handler: 'A.b',
      host: 'h:1',
    } as const;
    await receiver.settle([{ kind: 'retry', delivery: first, delayMs: 0, failure }]);
    const second = await shop.take(receiver);
    const same = ({ id, topic, body, headers, publishedAt }: Delivery): object => {
      return { id, topic, body, headers, publishedAt };
    };
    expect(same(second)).toEqual(same(first));
    expect([second.attempt, second.headers['x-request-id']]).toEqual([2, 'r-1']);
    await receiver.settle([{ kind: 'dead', delivery: second, failure }]);
    const dead = backend.inspect({ kind: 'browse', subscription: WORK, state: 'dead', limit: 10 });
    for await (const letter of dead) {
      expect(letter).toMatchObject({ id: first.id, topic: ORDER, headers: first.headers });
      expect(letter.kind === 'message' && letter.body).toEqual(first.body);
    }
  });

  it('have queues too, which are sent to and not listened to', async () => {
    const queue = await others.queue();
    const backend = await shop.open({ exchanges: { job: { exchange: '', routingKey: queue } } });
    expect(await shop.publish(backend, { topic: 'job', body: 'to do', ttlMs: 60_000 })).toMatchObject({
      status: 'stored',
    });
    const got = await others.got(queue);
    expect([got?.content.toString(), got?.properties.expiration]).toEqual(['to do', '60000']);
    const wanted = { subscriptions: [{ name: WORK, topics: ['job'] }] };
    await expect(backend.ensure(wanted, 'create')).rejects.toThrow(
      /cannot listen to topic "job", which is queue ".*" of somebody else: listen to an exchange/,
    );
  });

  it('get no delayed messages, and none by a key with wildcards', async () => {
    const exchange = await others.exchange('topic');
    const backend = await open(
      { [ORDER]: { exchange, routingKey: 'order.#' }, 'shop.bill': { exchange, routingKey: 'bill' } },
      ORDER,
    );
    const [pattern, delayed, own] = await backend.publish([
      shop.message({ topic: ORDER }),
      shop.message({ topic: 'shop.bill', delayMs: 1_000 }),
      shop.message({ delayMs: 1 }),
    ]);
    expect(pattern).toMatchObject({ status: 'refused', error: { code: 'unsupported' } });
    expect(delayed).toMatchObject({
      status: 'refused',
      error: { message: expect.stringMatching(/delay a message to topic "shop\.bill"/) as string },
    });
    expect(own).toMatchObject({ status: 'stored' });
  });
});
