import type { Store } from '../../store/store.js';
import { DatabaseSync } from 'node:sqlite';
import { SqliteFixture } from './sqlite.fixture.js';

let fixture: SqliteFixture;
let store: Store;
beforeEach(async () => {
  fixture = new SqliteFixture();
  ({ store } = await fixture.open());
});
afterEach(() => fixture.close());

const put = (key: string, value = key): { op: 'put'; key: string; value: string } => ({
  op: 'put',
  key,
  value,
});

// What every store does, the laws say.
it('takes expired entries for absent, and removes them little by little', async () => {
  await store.write(Array.from({ length: 40 }, (_, at) => ({ ...put(`old${at}`), ttlMs: 1_000 })));
  expect((await store.read(['old1']))[0]?.expiresAt).toBeGreaterThan(fixture.clock.now());
  fixture.clock.aheadMs = 2_000;
  expect(await store.read(['old1'])).toEqual([undefined]);
  expect(await store.scan('', { limit: 100 })).toEqual([]);
  expect(await store.write([{ ...put('old1', 'new'), if: 'absent' }])).toMatchObject({ ok: true });
  for (let at = 0; at < 3; at++) await store.write([put('new')]);
  const db = new DatabaseSync(fixture.file);
  expect(db.prepare('SELECT key FROM store ORDER BY key').all()).toEqual([{ key: 'new' }, { key: 'old1' }]);
  db.close();
});

it('shares one commit with the messages of the same turn', async () => {
  const { store: other } = await fixture.open();
  const lock = new DatabaseSync(fixture.file);
  lock.exec('BEGIN IMMEDIATE');
  const written = Promise.all([store.write([put('a')]), store.write([put('b')])]);
  expect(await other.read(['a', 'b'])).toEqual([undefined, undefined]);
  lock.exec('COMMIT');
  lock.close();
  await written;
  expect(await other.read(['a', 'b'])).toMatchObject([{ value: 'a' }, { value: 'b' }]);
});

it('refuses to write in a transaction', async () => {
  await expect(store.write([put('a')], { tx: {} })).rejects.toMatchObject({ code: 'unsupported' });
});
