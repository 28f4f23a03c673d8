import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends, takeAll } from './opened.js';

describeWith('postgres', 'postgres behind a pooler of transactions', () => {
  let backends: OpenedBackends;

  beforeEach(() => void (backends = new OpenedBackends(brokerUrl('postgres'), { pooler: 'transaction' })));
  afterEach(() => backends.dispose());

  it('finds the messages of other processes by its poll, and leaves nothing in a session', async () => {
    const connection = { application_name: backends.schema };
    const consumer = await backends.openWith({}, { connection });
    const { backend: publisher } = await backends.open({ connection });
    const taking = takeAll(consumer, 3);
    await backends.time.pass(50);
    const messages = [1, 2, 3].map((priority) => backends.message({ priority }));
    await publisher.publish(messages);
    expect((await taking).toSorted()).toEqual(messages.map(({ id }) => id).toSorted());
    const [listening] = await backends.sql(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = '{s}' AND query LIKE '%LISTEN%'`,
    );
    expect(listening?.['n']).toBe(0);
  });

  it('says in its capabilities how late a delayed message can be', async () => {
    const { backend } = await backends.open({ pollMs: 300 });
    expect(backend.capabilities.delay.publish).toMatchObject({ resolutionMs: 300 });
  });
});
