import { DatabaseSync } from 'node:sqlite';
import type { Backend, PublishResult } from '../../backend/backend.js';
import { Bus } from '../../publish/bus.js';
import { message, settle, SqliteFixture, take, takeNow, takeOne, turn, work } from './sqlite.fixture.js';

describe('a publish in the caller’s transaction', () => {
  let fixture: SqliteFixture;
  let backend: Backend;
  let own: DatabaseSync;

  beforeEach(async () => {
    fixture = new SqliteFixture();
    backend = await fixture.openReady();
    own = new DatabaseSync(fixture.file);
    own.exec('CREATE TABLE orders (id TEXT PRIMARY KEY)');
  });

  afterEach(async () => {
    if (own.isOpen) own.close();
    await fixture.close();
  });

  const publish = async (...ids: string[]): Promise<string[]> =>
    summary(
      await backend.publish(
        ids.map((id) => message(id)),
        { tx: own },
      ),
    );

  it('is there with the commit, together with the rest, and not before', async () => {
    const receiver = await work(backend);
    own.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('o-1')");
    expect(await publish('a', 'b')).toEqual(['stored', 'stored']);
    expect(await takeNow(receiver)).toEqual([]);
    own.exec('COMMIT');
    expect((await take(receiver, 2)).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('is gone with the roll-back', async () => {
    const receiver = await work(backend);
    own.exec('BEGIN IMMEDIATE');
    await publish('a');
    own.exec('ROLLBACK');
    expect(await takeNow(receiver)).toEqual([]);
  });

  it('is done when publish returns: a COMMIT behind it needs no await', async () => {
    const bus = new Bus({ backend, source: 'urn:shop', ambient: fixture.ambient });
    const [db, order] = [own, { id: 'o-1' }];
    // #region publish
    db.exec('BEGIN IMMEDIATE');
    db.prepare('INSERT INTO orders (id) VALUES (?)').run(order.id);
    const receipt = bus.publish('orders', order, { id: 'a', tx: db });
    db.exec('COMMIT');
    // #endregion
    await expect(receipt).resolves.toEqual({ id: 'a', copies: 1 });
    expect((await takeOne(await work(backend))).id).toBe('a');
  });

  it('wakes an idle consumer after the commit, without waiting for its next look', async () => {
    await fixture.close();
    fixture = new SqliteFixture();
    backend = await fixture.openReady({ pollMs: 60_000 });
    own.close();
    own = new DatabaseSync(fixture.file);
    const waiting = takeOne(await work(backend));
    await turn();
    own.exec('BEGIN IMMEDIATE');
    await publish('a');
    await turn(); // The transaction outlasts the turn.
    own.exec('COMMIT');
    const delivery = await waiting;
    expect(delivery.id).toBe('a');
  });

  it('numbers messages as other publishers do, and lets these wait for it', async () => {
    await backend.publish([message('before')]);
    own.exec('BEGIN IMMEDIATE');
    await publish('inside');
    const after = backend.publish([message('after')]);
    await turn();
    own.exec('COMMIT');
    expect(summary(await after)).toEqual(['stored']);
    const deliveries = await take(await work(backend), 3);
    expect(deliveries.map(({ id }) => id)).toEqual(['before', 'inside', 'after']);
    const refs = deliveries.map(({ ref }) => Number(ref));
    expect(refs).toEqual(refs.toSorted((a, b) => a - b));
  });

  it('takes part in a transaction that only read so far, unless somebody wrote meanwhile', async () => {
    own.exec('BEGIN');
    own.prepare('SELECT * FROM orders').all();
    expect(await publish('a')).toEqual(['stored']);
    own.exec('COMMIT; BEGIN');
    own.prepare('SELECT * FROM orders').all();
    await backend.publish([message('b')]);
    const [refused] = await backend.publish([message('c')], { tx: own });
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    expect(String((refused as { error: Error }).error.message)).toContain('BEGIN IMMEDIATE');
    own.exec('ROLLBACK');
  });

  it('keeps a refused message out, and the others of the batch in', async () => {
    own.exec('BEGIN IMMEDIATE');
    const results = await backend.publish([message('a'), message('b', { topic: 'nobody' })], { tx: own });
    own.exec('COMMIT');
    expect(summary(results)).toEqual(['stored', 'unroutable']);
    expect((await takeOne(await work(backend))).id).toBe('a');
  });

  it('leaves nothing of a batch behind that fails in the middle, and the transaction usable', async () => {
    own.exec(
      "CREATE TRIGGER full BEFORE INSERT ON messages WHEN NEW.id = 'b' BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    own.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('o-1')");
    expect(await publish('a', 'b')).toEqual(['unavailable', 'unavailable']);
    own.exec('COMMIT');
    expect(own.prepare('SELECT count(*) AS n FROM messages').get()).toEqual({ n: 0 });
    expect(own.prepare('SELECT count(*) AS n FROM orders').get()).toEqual({ n: 1 });
  });

  it('hears of a subscription that was added after its first publish', async () => {
    own.exec('BEGIN IMMEDIATE');
    await publish('a');
    own.exec('COMMIT');
    await backend.ensure({ subscriptions: [{ name: 'late', topics: ['orders'] }] }, 'create');
    own.exec('BEGIN IMMEDIATE');
    const [result] = await backend.publish([message('b')], { tx: own });
    own.exec('COMMIT');
    expect(result).toEqual({ status: 'stored', copies: 2 });
  });

  it('says what is wrong with a connection that it cannot join', async () => {
    const why = async (tx: unknown): Promise<string> => {
      const [result] = await backend.publish([message('x')], { tx });
      return result?.status === 'refused' ? result.error.message : 'stored';
    };
    expect(await why({})).toContain('is no DatabaseSync');
    expect(await why(own)).toContain('has no transaction open');
    const elsewhere = new DatabaseSync(':memory:');
    expect(await why(elsewhere)).toContain('is a connection to another database');
    elsewhere.close();
    expect(await why(elsewhere)).toContain('is a closed connection');
    const arrays = new DatabaseSync(fixture.file, { returnArrays: true });
    expect(await why(arrays)).toContain('rows as arrays');
    arrays.close();
  });

  it('settles a delivery as ever while the transaction is open, once it is over', async () => {
    await backend.publish([message('a')]);
    const receiver = await work(backend);
    const delivery = await takeOne(receiver);
    own.exec('BEGIN IMMEDIATE');
    await publish('b');
    const settled = settle(receiver, { kind: 'ack', delivery });
    await turn();
    own.exec('COMMIT');
    expect(await settled).toBe('ok');
    expect((await takeOne(receiver)).id).toBe('b');
  });
});

function summary(results: readonly PublishResult[]): string[] {
  return results.map((result) => (result.status === 'stored' ? 'stored' : result.error.code));
}
