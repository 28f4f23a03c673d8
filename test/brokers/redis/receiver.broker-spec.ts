import type { Backend, Delivery, Receiver } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';
import { message, SUBSCRIPTION, TOPIC } from './traffic.js';

const never = new AbortController().signal;

describeWith('redis', 'a receiver of redis', () => {
  let backends: OpenedBackends;
  let backend: Backend;
  let receiver: Receiver;

  beforeEach(async () => {
    backends = new OpenedBackends(brokerUrl('redis'));
    ({ backend } = await backends.open());
    await backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    receiver = await backend.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: 60_000 });
  });
  afterEach(() => backends.dispose());

  async function taken(count: number): Promise<readonly Delivery[]> {
    await backend.publish(Array.from({ length: count }, (_, at) => message(`m${at}`)));
    const deliveries: Delivery[] = [];
    while (deliveries.length < count)
      deliveries.push(...(await receiver.receive(count - deliveries.length, never)));
    return deliveries;
  }

  it('settles more at once than one script takes', async () => {
    const deliveries = await taken(10_000);
    const calls = Array.from({ length: 10 }, (_, nth) => {
      const own = deliveries.slice(1_000 * nth, 1_000 * (nth + 1));
      return receiver.settle(own.map((delivery) => ({ kind: 'ack', delivery })));
    });
    const results = (await Promise.all(calls)).flat();
    expect(results.filter((result) => result === 'ok')).toHaveLength(10_000);
  });

  it('answers settlements of one delivery in their order, though they travel together', async () => {
    const [first, second] = (await taken(2)) as [Delivery, Delivery];
    const extend = { kind: 'extend', leaseMs: 1_000 } as const;
    const results = await receiver.settle([
      { ...extend, delivery: first },
      { kind: 'ack', delivery: first },
      { ...extend, delivery: first },
      { kind: 'release', delivery: first },
      { kind: 'release', delivery: second },
      { kind: 'ack', delivery: second },
    ]);
    expect(results).toEqual(['ok', 'ok', 'noop', 'noop', 'ok', 'noop']);
  });

  it('gives back what comes for somebody who no longer waits', async () => {
    const abort = new AbortController();
    await backend.publish([message('late')]);
    const receiving = receiver.receive(1, abort.signal);
    abort.abort();
    expect(await receiving).toEqual([]);
    const [delivery] = await receiver.receive(1, never);
    expect([delivery?.id, delivery?.attempt]).toEqual(['late', 1]);
  });
});
