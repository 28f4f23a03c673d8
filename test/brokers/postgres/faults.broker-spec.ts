import { postgresBackend } from '@pigeonpost/queue/postgres';
import { FaultProxy } from '@pigeonpost/queue/testing';
import { brokerUrl, describeWith } from '../broker-url.js';
import { LEASE_MS, OpenedBackends, takeAll } from './opened.js';

const KILLS = 5;
const CANARY = 'canary-pass-4711';

describeWith('postgres', 'faults that only postgres has', () => {
  let backends: OpenedBackends;

  beforeEach(() => void (backends = new OpenedBackends(brokerUrl('postgres'))));
  afterEach(() => backends.dispose());

  it('loses nothing while all its connections are terminated again and again', async () => {
    const backend = await backends.openWith({}, { connection: { application_name: backends.schema } });
    const told = new Map<string, string>();
    const handled = new Set<string>();
    const stop = new AbortController();
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: LEASE_MS });
    const consuming = (async () => {
      while (!stop.signal.aborted) {
        const deliveries = await receiver.receive(20, stop.signal);
        for (const { id } of deliveries) handled.add(id);
        await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
      }
    })();
    let isOver = false;
    const producing = (async () => {
      while (!isOver) {
        const batch = [backends.message(), backends.message()];
        const results = await backend.publish(batch);
        results.forEach(({ status }, at) => told.set(batch[at]?.id as string, status));
        await backends.time.pass(2);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      await backends.time.pass(400);
      await backends.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{s}'`,
      );
    }
    isOver = true;
    await producing;
    const stored = [...told].filter(([, status]) => status === 'stored').map(([id]) => id);
    await backends.time.until(() => stored.every((id) => handled.has(id)), 2 * LEASE_MS);
    stop.abort();
    await consuming;
    expect(stored.length).toBeGreaterThan(KILLS);
    expect([...handled].filter((id) => told.get(id) === 'refused')).toEqual([]);
    expect(backend.status().state).toBe('up');
  }, 60_000);

  it('hears again as soon as the connection that listens has ended, without a heartbeat, and drops no other', async () => {
    const patient = { heartbeatMs: 60_000, connection: { application_name: backends.schema } };
    const backend = await backends.openWith({}, patient);
    const taking = takeAll(backend, 1);
    const ofOurs = `FROM pg_stat_activity WHERE application_name = '{s}' AND query`;
    const isListening = async (): Promise<boolean> =>
      (await backends.sql(`SELECT ${ofOurs} LIKE 'LISTEN%'`)).length === 1;
    while (!(await isListening())) await backends.time.pass(5);
    const changes: string[] = [];
    backend.onStatus?.(({ state }) => changes.push(state));
    const others = await backends.sql(`SELECT pid ${ofOurs} NOT LIKE 'LISTEN%' ORDER BY pid`);
    await backends.sql(`SELECT pg_terminate_backend(pid) ${ofOurs} LIKE 'LISTEN%'`);
    await backends.time.until(() => changes.join() === 'down,up', 10_000);
    expect(await backends.sql(`SELECT pid ${ofOurs} <> 'SELECT 1' ORDER BY pid`)).toEqual(others);
    const sent = backends.message();
    await backend.publish([sent]);
    expect(await taking).toEqual([sent.id]);
  }, 60_000);

  it('tries again what is in conflict with others, in a database whose transactions are serializable', async () => {
    const connection = { options: '-c default_transaction_isolation=serializable' };
    const backend = await backends.openWith({}, { connection, poolSize: 6 });
    const order = { by: 'key', onRetry: 'block-key', onDead: 'hold' } as const;
    await backend.ensure({ subscriptions: [{ name: 'line', topics: ['jobs'], order }] }, 'create');
    const batches = Array.from({ length: 10 }, (_, key) => [
      backends.message({ key: `${key}` }),
      backends.message({ key: `${key}` }),
    ]);
    const results = await Promise.all(batches.map((batch) => backend.publish(batch)));
    expect(results.flat().map(({ status }) => status)).toEqual(Array(20).fill('stored'));
  }, 60_000);

  it.each([
    ['a wrong port', 'postgres://app:{p}@127.0.0.1:1/db', 'check host and port'],
    ['a wrong host', 'postgres://app:{p}@no-such-host.invalid/db', 'check the host'],
    ['a user that does not exist', '{ok}/postgres', 'check'],
    ['a database that does not exist', '{ok}/no_such_database', 'create the database'],
  ])('does not start with %s, and says so without the password', async (_what, template, remedy) => {
    const good = new URL(backends.url);
    const isKnown = remedy === 'create the database';
    const secret = isKnown && good.password !== '' ? good.password : CANARY;
    const ok = `postgres://${isKnown ? good.username : 'nobody_of_that_name'}:${secret}@${good.host}`;
    const url = template.replace('{p}', secret).replace('{ok}', ok);
    const opening = postgresBackend.open('events', { url }, backends.ambient);
    const error: unknown = await opening.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'postgres_open' });
    expect((error as Error).message).toContain(remedy);
    expect((error as Error).cause).toBeUndefined();
    expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain(secret);
  });

  it('does not start, and does not wait for long, where nobody answers', async () => {
    const proxy = await FaultProxy.before(backends.url);
    proxy.apply({ kind: 'blackhole' });
    const options = { url: proxy.through(backends.url), connectTimeoutMs: 300 };
    const startedAt = backends.time.clock.mono();
    await expect(postgresBackend.open('events', options, backends.ambient)).rejects.toThrow('timeout');
    expect(backends.time.clock.mono() - startedAt).toBeLessThan(300 + backends.time.latestMs);
    await proxy.close();
  });

  it('refuses a server that wants no TLS from who insists on it, without a secret', async () => {
    const url = new URL(backends.url);
    url.password = CANARY;
    const opening = postgresBackend.open('events', { url: url.href, tls: true }, backends.ambient);
    const error: unknown = await opening.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'postgres_open' });
    expect(String((error as Error).stack)).not.toContain(CANARY);
  });

  it('answers a publish within its deadline while there is no connection, and goes on afterwards', async () => {
    const proxy = await FaultProxy.before(backends.url);
    const times = { commandTimeoutMs: 500, heartbeatMs: 200, connectTimeoutMs: 200 };
    const backend = await backends.openWith({}, { url: proxy.through(backends.url), ...times });
    proxy.apply({ kind: 'blackhole' });
    const [result] = await backend.publish([backends.message()]);
    expect(result?.status).not.toBe('stored');
    await backends.time.until(() => backend.status().state === 'down', 1_000);
    proxy.heal();
    await backends.time.until(() => backend.status().state === 'up', 10_000);
    expect((await backend.publish([backends.message()]))[0]?.status).toBe('stored');
    await proxy.close();
  }, 60_000);
});
