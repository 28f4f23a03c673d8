import type { Backend, Inspected } from '@pigeonpost/queue';
import { connect } from 'amqplib';
import { BrokerProcess } from '../broker-process.js';
import { brokerUrl, describeWith, describeWithOwn } from '../broker-url.js';
import { removeQueues } from './remove-queues.js';
import { ORDERS, Shop, WORK } from './shop.js';

const LONGEST_MS = 90_000;
const TOPOLOGY = { subscriptions: [{ name: WORK, topics: [ORDERS] }] };
const DELIVERY_LIMIT = {
  name: 'DeliveryLimit',
  message: 'the broker gave the message up at its delivery limit',
};
const SAYS =
  /'x-delivery-limit'.*a lower limit gives up messages that their handlers still try: delete the queue/s;

describeWith('rabbitmq', 'a delivery limit of the queue that is lower than ours', () => {
  const url = brokerUrl('rabbitmq');

  it('stops the start, and is told as a difference where nothing may be made', async () => {
    const shop = new Shop(url);
    const lane = `${shop.prefix}.lane.${WORK}`;
    const backend = await shop.open();
    expect(await backend.ensure(TOPOLOGY, 'check')).toEqual([]);
    const model = await connect(url);
    const channel = await model.createChannel();
    await channel.deleteQueue(lane);
    await channel.assertQueue(lane, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': `${shop.prefix}.dead.${WORK}`,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        'x-delivery-limit': 20,
      },
    });
    expect(await backend.ensure(TOPOLOGY, 'check')).toEqual([
      {
        kind: 'other-properties',
        subscription: WORK,
        topic: undefined,
        detail: expect.stringMatching(SAYS) as string,
      },
    ]);
    await expect(backend.ensure(TOPOLOGY, 'create')).rejects.toThrow(SAYS);
    await model.close();
    await shop.close();
    await removeQueues(url, shop.prefix, [WORK]);
  });
});

describeWithOwn('rabbitmq', 'a delivery limit that a policy of the server sets', () => {
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await BrokerProcess.start('rabbitmq');
  }, LONGEST_MS);

  afterAll(() => broker?.dispose());

  it(
    'is seen by nobody at the start, and loses nothing: what it ends is a dead letter that says so',
    async () => {
      await broker.rabbitmqctl('set_policy', 'limit', '.*', '{"delivery-limit": 2}', '--apply-to', 'queues');
      const shop = new Shop(broker.url);
      const backend = await shop.open();
      await shop.publish(backend, { id: 'm-1', body: 'kept' });
      for (let crash = 0; crash <= 2; crash++) await crashWith(broker.url, `${shop.prefix}.lane.${WORK}`);
      let letters: readonly Inspected[] = [];
      while (letters.length === 0) letters = await deadLettersIn(backend);
      expect(letters).toEqual([
        expect.objectContaining({
          id: 'm-1',
          topic: ORDERS,
          body: 'kept',
          failures: [expect.objectContaining({ error: DELIVERY_LIMIT }) as object],
        }),
      ]);
      await shop.dispose();
    },
    LONGEST_MS,
  );
});

async function deadLettersIn(backend: Backend): Promise<readonly Inspected[]> {
  const letters: Inspected[] = [];
  const dead = backend.inspect({ kind: 'browse', subscription: WORK, state: 'dead', limit: 10 });
  for await (const letter of dead) letters.push(letter);
  return letters;
}

/** A consumer that is gone with the message in its hands. */
async function crashWith(url: string, queue: string): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  await new Promise<void>((resolve, reject) => {
    channel.consume(queue, () => resolve()).catch(reject);
  });
  await model.close();
}
