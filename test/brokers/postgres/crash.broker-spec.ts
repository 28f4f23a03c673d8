import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
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
});
