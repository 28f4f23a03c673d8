import { Test } from '@nestjs/testing';
import { QueueModule } from '@pigeonpost/queue';
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

  it.each([
    ['transaction', [expect.stringMatching(/^backend "events" is behind a pooler.* every 300 ms/)]],
    ['none', []],
  ] as const)('is said once when an application starts, where the pooler is %s', async (pooler, expected) => {
    const warned: string[] = [];
    const logger = { log() {}, warn: (text: string) => void warned.push(text), error() {} };
    const { url, schema } = backends;
    const options = { name: 'events', driver: 'postgres', url, schema, pooler, pollMs: 300 } as const;
    const module = QueueModule.forRoot({ source: 'urn:service:spec', group: 'spec', backends: [options] });
    const app = await Test.createTestingModule({ imports: [module] })
      .setLogger(logger)
      .compile();
    await app.init();
    await app.close();
    expect(warned.filter((line) => line.includes('pooler'))).toEqual(expected);
  });
});
