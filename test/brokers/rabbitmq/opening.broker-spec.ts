import { QueueError } from '@pigeonpost/queue';
import { connect } from 'amqplib';
import { BROKER_PASSWORD } from '../broker-kind.js';
import { brokerUrl, describeWith } from '../broker-url.js';
import { removeQueues } from './remove-queues.js';
import { Shop, WORK } from './shop.js';

const CANARY = 'canary-7b2e';

describeWith('rabbitmq', 'opening the rabbitmq backend', () => {
  const url = brokerUrl('rabbitmq');
  const changed = (change: (parts: URL) => void): string => {
    const parts = new URL(url);
    change(parts);
    return parts.href;
  };

  it.each([
    ['a wrong password', changed((parts) => (parts.password = CANARY)), /check user and password/],
    [
      'a port where nobody is',
      changed((parts) => Object.assign(parts, { port: '1', password: CANARY })),
      /host and port/,
    ],
    [
      'an unknown host',
      changed((parts) => Object.assign(parts, { hostname: 'no-such-host.invalid', password: CANARY })),
      /host/,
    ],
    ['an unknown virtual host', changed((parts) => (parts.pathname = '/nowhere')), /virtual host/],
  ])('fails at once for %s, with what to do, and shows no secret', async (_what, wrong, remedy) => {
    const shop = new Shop(wrong);
    const error: unknown = await shop.open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QueueError);
    expect((error as Error).message).toMatch(remedy);
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      const shown = `${cause.message} ${cause.stack ?? ''} ${JSON.stringify(cause)}`;
      expect(shown).not.toContain(CANARY);
      expect(shown).not.toContain(BROKER_PASSWORD);
    }
  });

  it('fails for a queue of that name with other properties, and says which', async () => {
    const shop = new Shop(url);
    const lane = `${shop.prefix}.lane.${WORK}`;
    const model = await connect(url);
    const channel = await model.createChannel();
    await channel.assertQueue(lane, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 },
    });
    await expect(shop.open()).rejects.toThrow(/inequivalent arg.*delete it when it is empty/s);
    await model.close();
    await shop.close();
    await removeQueues(url, shop.prefix, [WORK]);
  });
});
