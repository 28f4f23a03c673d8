import { type Depth, UnknownSubscriptionError } from '@pigeonpost/queue';
import { migrationSql } from '@pigeonpost/queue/postgres';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends, takeAll } from './opened.js';

const TOPOLOGY = { subscriptions: [{ name: 'work', topics: ['jobs'] }] };

const TABLES = `
  SELECT table_name, column_name, data_type, column_default IS NULL AS bare FROM information_schema.columns
  WHERE table_schema = '{s}' ORDER BY 1, 2`;

describeWith('postgres', 'the schema of postgres', () => {
  let backends: OpenedBackends;

  beforeEach(() => void (backends = new OpenedBackends(brokerUrl('postgres'))));
  afterEach(() => backends.dispose());

  it('is made by one of many processes that start at once', async () => {
    const opened = await Promise.all([1, 2, 3, 4].map(() => backends.open()));
    await Promise.all(opened.map(({ backend }) => backend.ensure(TOPOLOGY, 'create')));
    expect(await opened[0]?.backend.ensure(TOPOLOGY, 'check')).toEqual([]);
  });

  it('is the same when somebody else makes it by the statements', async () => {
    const { backend } = await backends.open();
    await backend.ensure(TOPOLOGY, 'create');
    const byUs = await backends.sql(TABLES);
    const other = new OpenedBackends(backends.url);
    for (let time = 0; time < 2; time++) await other.sql(migrationSql({ schema: other.schema }));
    expect(await other.sql(TABLES)).toEqual(byUs);
    const { backend: theirs } = await other.open();
    await theirs.ensure(TOPOLOGY, 'create');
    await theirs.publish([other.message({ id: 'a' })]);
    expect(await takeAll(theirs, 1)).toEqual(['a']);
    await other.dispose();
  });

  it('of an older release is brought up to this one, and keeps its messages', async () => {
    const first = migrationSql({ schema: backends.schema })
      .split('DO $migration$')
      .slice(0, 2)
      .join('DO $migration$');
    await backends.sql(`${first} COMMIT`);
    const { backend } = await backends.open();
    await expect(backend.ensure(TOPOLOGY, 'check')).rejects.toThrow(/version 1, this release needs \d/);
    await backend.ensure(TOPOLOGY, 'create');
    await backend.publish([backends.message({ id: 'a' })]);
    expect(await takeAll(backend, 1)).toEqual(['a']);
  });

  it('that is missing is told by a check, a publish and a store, each with what to do', async () => {
    const { backend, store } = await backends.open();
    await expect(backend.ensure(TOPOLOGY, 'check')).rejects.toThrow(
      /tables are missing.*npx pigeonpost-postgres --sql --schema spec_/,
    );
    const [result] = await backend.publish([backends.message()]);
    expect(result).toMatchObject({ status: 'refused', error: { code: 'postgres_schema' } });
    await expect(store.read(['a'])).rejects.toThrow("ensure: 'create'");
  });

  it('of a newer release is left alone', async () => {
    await backends.openWith();
    await backends.sql('UPDATE {s}.meta SET version = 99');
    const { backend } = await backends.open();
    for (const mode of ['create', 'check'] as const) {
      await expect(backend.ensure(TOPOLOGY, mode)).rejects.toThrow('upgrade this application');
    }
  });

  it('lets nobody read all messages to claim, settle or count a few', async () => {
    const backend = await backends.openWith();
    await backends.sql(`
      INSERT INTO {s}.messages (available_at, ready_at, published_at, subscription_id, is_text, id, topic, body)
      SELECT now() + n * interval '1 s', now(), 0, 1, true, n::text, 'jobs', '{}' FROM generate_series(-20, 20000) AS n`);
    await backends.sql('ANALYZE {s}.messages');
    expect(await takeAll(backend, 20)).toHaveLength(20);
    await backend.close(new Date(backends.ambient.clock.now() + 1_000));
    const [read] = await backends.sql(
      `SELECT pg_stat_get_tuples_returned(to_regclass('{s}.messages'))::int AS by_scans`,
    );
    expect(read?.['by_scans']).toBe(0);
  });

  it('has more than ten thousand messages counted by what the server estimates, and says so', async () => {
    const backend = await backends.openWith();
    const fill = (from: number, to: number, due: string): Promise<unknown> =>
      backends.sql(`
        INSERT INTO {s}.messages (available_at, ready_at, published_at, subscription_id, is_text, id, topic, body)
        SELECT now() + n * interval '1 min', now(), 0, 1, true, n::text, 'jobs', '{}'
        FROM generate_series(${from}, ${to}) AS n WHERE ${due}`);
    const depth = async (): Promise<Depth> => {
      for await (const item of backend.inspect({ kind: 'depth' })) if (item.kind === 'depth') return item;
      throw new UnknownSubscriptionError('events', 'work');
    };
    await fill(-9_999, 5, 'n <> 0');
    expect(await depth()).toMatchObject({ ready: 9_999, delayed: 5 });
    expect(await depth()).not.toHaveProperty('approximate');
    await fill(-40_000, 4_000, 'n < -9999 OR n > 5');
    await backends.sql('ANALYZE {s}.messages');
    const { ready, delayed, inflight, approximate } = await depth();
    expect([delayed, inflight, approximate]).toEqual([4_000, 0, true]);
    expect(Math.abs(ready - 40_000)).toBeLessThan(8_000);
  });
});
