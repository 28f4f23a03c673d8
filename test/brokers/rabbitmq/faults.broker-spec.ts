import { connect } from 'amqplib';
import type { Backend, Receiver } from '@pigeonpost/queue';
import { FaultProxy } from '@pigeonpost/queue/testing';
import { brokerUrl, describeWith } from '../broker-url.js';
import { ORDERS, Shop, WORK } from './shop.js';

const LONGEST_MS = 90_000;
const HEARTBEAT_MS = 2_000;
/** Of timers on a busy machine. */
const SLACK_MS = 2_000;

describeWith('rabbitmq', 'a network that fails', () => {
  const url = brokerUrl('rabbitmq');
  let proxy: FaultProxy;
  let shop: Shop;
  let backend: Backend;
  let receiver: Receiver;

  beforeEach(async () => {
    proxy = await FaultProxy.before(url);
    shop = new Shop(proxy.through(url), { heartbeatMs: HEARTBEAT_MS, commandTimeoutMs: 1_500 });
    backend = await shop.open();
    receiver = await shop.receiver(backend);
  });

  afterEach(async () => {
    proxy.heal();
    await shop.dispose(url);
    await proxy.close();
  });

  it(
    'that is silent is noticed within two heartbeats, and a message of somebody else comes within ten seconds of its return',
    async () => {
      const waiting = shop.take(receiver, LONGEST_MS);
      const since = shop.time.clock.mono();
      proxy.apply({ kind: 'blackhole' });
      await shop.until(() => backend.status().state === 'down');
      expect(shop.time.clock.mono() - since).toBeLessThan(2 * HEARTBEAT_MS + SLACK_MS);
      const elsewhere = new Shop(url);
      const other = await elsewhere.open({ prefix: shop.prefix });
      expect(await elsewhere.publish(other)).toMatchObject({ status: 'stored' });
      await elsewhere.close();
      proxy.heal();
      const backAt = shop.time.clock.mono();
      await receiver.settle([{ kind: 'ack', delivery: await waiting }]);
      expect(shop.time.clock.mono() - backAt).toBeLessThan(10_000 + SLACK_MS);
      // The connection for publishing comes back by itself, maybe later than the one that consumes.
      await shop.time.until(() => backend.status().state === 'up', 10_000);
    },
    LONGEST_MS,
  );

  it(
    'ends a publish at its deadline: refused when it was never written, unknown when it was',
    async () => {
      proxy.apply({ kind: 'blackhole' });
      expect(await shop.publish(backend)).toMatchObject({
        status: 'unknown',
        error: { code: 'publish_outcome_unknown' },
      });
      await shop.until(() => backend.status().state === 'down');
      expect(await shop.publish(backend)).toMatchObject({
        status: 'refused',
        error: { code: 'unavailable' },
      });
    },
    LONGEST_MS,
  );

  it(
    'takes deliveries along: settling them is lost, and they come again',
    async () => {
      await shop.publish(backend);
      const delivery = await shop.take(receiver);
      proxy.resetAll();
      await shop.until(() => backend.status().state === 'down');
      await shop.until(() => backend.status().state === 'up');
      expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['lost']);
      const again = await shop.take(receiver);
      expect([again.id, again.attempt, again.crashes]).toEqual([delivery.id, 2, 1]);
      expect(await receiver.settle([{ kind: 'ack', delivery: again }])).toEqual(['ok']);
    },
    LONGEST_MS,
  );

  it(
    'cuts a publish before its confirmation: it is unknown, and the next one works',
    async () => {
      const cut = proxy.cut({ direction: 'to broker', before: 'cut-here' });
      const result = await shop.publish(backend, { body: 'x'.repeat(3_000) + 'cut-here' });
      await cut;
      expect(result.status).toBe('unknown');
      await shop.until(() => backend.status().state === 'up');
      expect(await shop.publish(backend)).toMatchObject({ status: 'stored' });
    },
    LONGEST_MS,
  );
});

describeWith('rabbitmq', 'a broker that somebody changes', () => {
  const url = brokerUrl('rabbitmq');
  let shop: Shop;
  let backend: Backend;

  beforeEach(async () => {
    shop = new Shop(url);
    backend = await shop.open();
  });

  afterEach(() => shop.dispose());

  it(
    'makes a queue again that was deleted under its consumer',
    async () => {
      const receiver = await shop.receiver(backend);
      const waiting = shop.take(receiver, LONGEST_MS);
      const model = await connect(url);
      const channel = await model.createChannel();
      await channel.deleteQueue(`${shop.prefix}.lane.${WORK}`);
      await model.close();
      let result = await shop.publish(backend);
      while (result.status !== 'stored') result = await shop.publish(backend);
      await receiver.settle([{ kind: 'ack', delivery: await waiting }]);
    },
    LONGEST_MS,
  );

  it('keeps the dead letter when its queue was deleted, by making it again', async () => {
    const receiver = await shop.receiver(backend);
    await shop.publish(backend);
    const delivery = await shop.take(receiver);
    const model = await connect(url);
    const channel = await model.createChannel();
    await channel.deleteQueue(`${shop.prefix}.dead.${WORK}`);
    await model.close();
    const error = { name: 'Error', message: 'no' };
    const failure = { attempt: 1, at: 1, reason: 'rejected', error, handler: 'A.b', host: 'h:1' } as const;
    expect(await receiver.settle([{ kind: 'dead', delivery, failure }])).toEqual(['ok']);
    for await (const depth of backend.inspect({ kind: 'depth', subscription: WORK }))
      expect(depth).toMatchObject({ dead: 1, ready: 0 });
  });

  it('refuses what no queue is bound to, and stores it when one is again', async () => {
    const model = await connect(url);
    const channel = await model.createChannel();
    await channel.unbindQueue(`${shop.prefix}.lane.${WORK}`, `${shop.prefix}.topics`, ORDERS);
    expect(await shop.publish(backend)).toMatchObject({ status: 'refused', error: { code: 'unroutable' } });
    await backend.ensure({ subscriptions: [{ name: WORK, topics: [ORDERS] }] }, 'create');
    expect(await shop.publish(backend)).toMatchObject({ status: 'stored' });
    await model.close();
  });

  it('keeps other channels when one is closed for a queue that does not exist', async () => {
    const receiver = await shop.receiver(backend);
    await shop.publish(backend);
    const delivery = await shop.take(receiver);
    const unknown = await backend
      .open({ name: 'nobody', topics: [], leaseMs: 1_000 })
      .catch((error: unknown) => error);
    expect(unknown).toMatchObject({ code: 'unknown_subscription' });
    expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['ok']);
  });
});
