import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type Backend, Bus } from '@pigeonpost/queue';
import { fromKysely, fromPg } from '@pigeonpost/queue/outbox';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends, takeAll } from './opened.js';

describeWith('postgres', 'a publish in a transaction on postgres', () => {
  let backends: OpenedBackends;
  let backend: Backend;
  let client: pg.Client;

  beforeEach(async () => {
    backends = new OpenedBackends(brokerUrl('postgres'));
    backend = await backends.openWith();
    client = await backends.client();
  });
  afterEach(async () => {
    await client.end();
    await backends.dispose();
  });

  const ready = async (): Promise<unknown> =>
    (await backends.sql('SELECT count(*)::int AS n FROM {s}.messages'))[0]?.['n'];

  it('is seen with the commit, and gone with the roll-back', async () => {
    for (const [how, count] of [
      ['ROLLBACK', 0],
      ['COMMIT', 1],
    ] as const) {
      await client.query('BEGIN');
      const [result] = await backend.publish([backends.message()], { tx: client });
      expect(result).toEqual({ status: 'stored', copies: 1 });
      expect(await ready()).toBe(0);
      await client.query(how);
      expect(await ready()).toBe(count);
    }
  });

  it('is one with what else the transaction does, through a bus', async () => {
    const bus = new Bus({ backend, source: 'urn:shop', ambient: backends.ambient });
    await client.query(`SET search_path = ${backends.schema}; CREATE TABLE orders (id text)`);
    const order = { id: 'o-1' };
    // #region publish
    await client.query('BEGIN');
    await client.query('INSERT INTO orders (id) VALUES ($1)', [order.id]);
    await bus.publish('jobs', order, { id: 'a', tx: client });
    await client.query('COMMIT');
    // #endregion
    expect(await takeAll(backend, 1)).toEqual(['a']);
    await bus.close();
  });

  it('wakes who waits, soon after the commit', async () => {
    const taking = takeAll(backend, 1);
    await client.query('BEGIN');
    const message = backends.message();
    await backend.publish([message], { tx: client });
    await client.query('COMMIT');
    expect(await taking).toEqual([message.id]);
  });

  it('takes the executor of an outbox', async () => {
    await client.query('BEGIN');
    const bytes = new Uint8Array([0, 255, 1]);
    const message = backends.message({ body: bytes, key: 'a "b"\\', headers: { note: 'x' } });
    const [result] = await backend.publish([message], { tx: fromPg(client) });
    expect(result).toMatchObject({ status: 'stored' });
    await client.query('COMMIT');
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: 1_000 });
    const [delivery] = await receiver.receive(1, AbortSignal.timeout(10_000));
    expect(delivery).toMatchObject({ id: message.id, key: 'a "b"\\' });
    expect(delivery?.body).toEqual(bytes);
    expect(delivery?.headers['note']).toBe('x');
    await receiver.settle([{ kind: 'ack', delivery: delivery as never }]);
  });

  it('takes a transaction of Kysely', async () => {
    const pool = new pg.Pool({ connectionString: backends.url, max: 1 });
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    const message = backends.message();
    await db.transaction().execute((trx) => backend.publish([message], { tx: fromKysely(trx, 'postgres') }));
    await db.destroy();
    expect(await takeAll(backend, 1)).toEqual([message.id]);
  });

  it.each([
    ['has no transaction open', (): unknown => client],
    ['is no client of `pg`', (): unknown => ({ run: () => undefined })],
    ['is no client of `pg`', (): unknown => 'tx'],
  ])('is refused when the given thing %s', async (why, tx) => {
    const [result] = await backend.publish([backends.message()], { tx: tx() });
    expect(result).toMatchObject({ status: 'refused', error: { code: 'invalid_transaction' } });
    expect(result?.status === 'refused' && result.error.message).toContain(why);
  });

  it('is refused in a transaction of another database, which goes on', async () => {
    const url = new URL(backends.url);
    url.pathname = '/template1';
    const elsewhere = new pg.Client({ connectionString: url.href });
    await elsewhere.connect();
    await elsewhere.query('BEGIN');
    const [result] = await backend.publish([backends.message()], { tx: elsewhere });
    expect(result?.status === 'refused' && result.error.message).toContain('another database');
    expect((await elsewhere.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await elsewhere.end();
  });

  it('that is refused for one message leaves the others and the transaction alone', async () => {
    await client.query('BEGIN');
    await client.query('CREATE TEMP TABLE orders (id int) ON COMMIT DROP');
    const [unroutable, stored] = await backend.publish(
      [backends.message({ topic: 'nobody' }), backends.message()],
      { tx: client },
    );
    expect([unroutable?.status, stored?.status]).toEqual(['refused', 'stored']);
    await client.query('INSERT INTO orders VALUES (1)');
    await client.query('COMMIT');
    expect(await ready()).toBe(1);
  });

  it('knows a subscription that another process has just created', async () => {
    await client.query('BEGIN');
    const { backend: other } = await backends.open();
    await other.ensure({ subscriptions: [{ name: 'new', topics: ['jobs'] }] }, 'create');
    const [result] = await backend.publish([backends.message()], { tx: client });
    expect(result).toEqual({ status: 'stored', copies: 2 });
    await client.query('COMMIT');
  });

  it('keeps no key waiting while the transaction lasts', async () => {
    const { backend: ordered } = await backends.open();
    const order = { by: 'key', onRetry: 'block-key', onDead: 'hold' } as const;
    await ordered.ensure({ subscriptions: [{ name: 'line', topics: ['jobs'], order }] }, 'create');
    await ordered.publish([backends.message({ key: 'a' }), backends.message({ key: 'a' })]);
    await client.query('BEGIN');
    await ordered.publish([backends.message({ key: 'a' })], { tx: client });
    expect(await takeAll(ordered, 2, 'line')).toHaveLength(2);
    await client.query('COMMIT');
    expect(await takeAll(ordered, 1, 'line')).toHaveLength(1);
  });
});
