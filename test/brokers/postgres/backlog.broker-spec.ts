import type { Receiver } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { LEASE_MS, OpenedBackends } from './opened.js';

const BATCH = 100;

describeWith('postgres', 'a backlog of postgres that is worked off in large claims', () => {
  it('leaves nothing out that another process gave back before the place where the claims have come to', async () => {
    const backends = new OpenedBackends(brokerUrl('postgres'));
    const [mine, other] = [await backends.openWith(), await backends.openWith()];
    const sent = Array.from({ length: 12 * BATCH }, () => backends.message());
    for (const message of [sent.slice(0, BATCH), sent.slice(BATCH)]) await mine.publish(message);
    const spec = { name: 'work', topics: [], leaseMs: 6 * LEASE_MS };
    const [receiver, giver] = [await mine.open(spec), await other.open(spec)];
    const seen: string[] = [];
    const take = async (from: Receiver) => from.receive(BATCH, AbortSignal.timeout(10_000));
    const handle = async (): Promise<void> => {
      const deliveries = await take(receiver);
      seen.push(...deliveries.map(({ id }) => id));
      await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
    };
    const held = await take(giver);
    for (let batch = 0; batch < 4; batch++) await handle();
    await giver.settle(held.map((delivery) => ({ kind: 'release', delivery })));
    for (let batch = 4; batch < 12; batch++) await handle();
    expect(seen.toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
    await backends.dispose();
  }, 60_000);
});
