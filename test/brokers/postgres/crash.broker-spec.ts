import type { Backend } from '@pigeonpost/queue';
import { BrokerProcess } from '../broker-process.js';
import { brokerUrl, describeWith } from '../broker-url.js';
import { LEASE_MS, OpenedBackends } from './opened.js';

describeWith('postgres', 'a crash of the server of postgres', () => {
  it('forgets no claim, so that none has the number of another one', async () => {
    const broker = await BrokerProcess.start('postgres');
    const backends = new OpenedBackends(broker.url);
    const backend = await backends.openWith();
    await backend.publish([backends.message()]);
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: 6 * LEASE_MS });
    const deliveries = await receiver.receive(1, AbortSignal.timeout(10_000));
    await broker.kill();
    await broker.start();
    expect(await backends.sql('SELECT deliveries, leased FROM {s}.messages')).toEqual([
      { deliveries: 1, leased: true },
    ]);
    const acks = deliveries.map((delivery) => ({ kind: 'ack', delivery }) as const);
    expect(await receiver.settle(acks)).toEqual(['ok']);
    await backends.dispose();
    await broker.dispose();
  }, 120_000);

  it.each([undefined, { by: 'key', onRetry: 'block-key', onDead: 'hold' } as const])(
    'or a standby that was not told of a claim hands the message out again, and its old owner settles nothing (order: %j)',
    async (order) => {
      const backends = new OpenedBackends(brokerUrl('postgres'));
      const [mine, other] = [await backends.openWith({ order }), await backends.openWith({ order })];
      await mine.publish([backends.message({ key: 'k' })]);
      const spec = { name: 'work', topics: [], leaseMs: LEASE_MS, order };
      const take = async (backend: Backend) => {
        const receiver = await backend.open(spec);
        const deliveries = await receiver.receive(1, AbortSignal.timeout(10_000));
        const settle = (kind: 'ack' | 'release') =>
          receiver.settle(deliveries.map((delivery) => ({ kind, delivery })));
        return { settle, attempts: deliveries.map(({ attempt }) => attempt) };
      };
      const forgotten = await take(mine);
      await backends.sql(
        'UPDATE {s}.messages SET deliveries = 0, leased = false, available_at = ready_at, token = NULL',
      );
      const holder = await take(other);
      expect([forgotten.attempts, holder.attempts]).toEqual([[1], [1]]);
      expect(await forgotten.settle('ack')).toEqual(['lost']);
      expect(await forgotten.settle('release')).toEqual(['lost']);
      expect(await holder.settle('ack')).toEqual(['ok']);
      await backends.dispose();
    },
  );
});
