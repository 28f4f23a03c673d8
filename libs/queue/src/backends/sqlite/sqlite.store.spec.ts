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
const versionOf = async (key: string): Promise<number> => (await store.read([key]))[0]?.version ?? 0;

it('answers key by key, with what was written last', async () => {
  await store.write([put('a', '1'), put('b', 'nul \0 é😀')]);
  const written = await store.write([put('a', '2')]);
  const [a, missing, b] = await store.read(['a', 'x', 'b']);
  expect(a).toEqual({
    key: 'a',
    value: '2',
    version: written.ok ? written.versions[0] : 0,
    expiresAt: undefined,
  });
  expect(missing).toBeUndefined();
  expect(b?.value).toBe('nul \0 é😀');
});

it('writes all or nothing, and shows what stood in the way', async () => {
  await store.write([put('a', '1')]);
  const version = await versionOf('a');
  const refused = await store.write([
    put('b'),
    { ...put('a', '2'), if: 'absent' },
    { op: 'delete', key: 'c', if: 7 },
  ]);
  expect(refused).toEqual({
    ok: false,
    conflicts: [
      { key: 'a', entry: { key: 'a', value: '1', version, expiresAt: undefined } },
      { key: 'c', entry: undefined },
    ],
  });
  expect(await store.read(['b'])).toEqual([undefined]);
  expect(
    await store.write([
      { ...put('a', '2'), if: version },
      { ...put('b'), if: 'absent' },
    ]),
  ).toMatchObject({ ok: true });
});

it('lets one of many who want the same absent key have it', async () => {
  const { store: other } = await fixture.open();
  const tries = Array.from({ length: 20 }, (_, at) =>
    (at % 2 ? store : other).write([{ ...put('lock', `${at}`), if: 'absent' }]),
  );
  expect((await Promise.all(tries)).filter(({ ok }) => ok)).toHaveLength(1);
});

it('raises the version with every write, and never gives one again after a delete or an expiry', async () => {
  const versions: number[] = [];
  for (const op of [
    put('a'),
    put('a'),
    { op: 'delete', key: 'a' } as const,
    { ...put('a'), ttlMs: 10 },
    put('a'),
  ]) {
    const result = await store.write([op]);
    if (result.ok && result.versions[0]) versions.push(result.versions[0]);
    fixture.clock.aheadMs += 1_000;
  }
  expect(versions).toHaveLength(4);
  expect(versions).toEqual([...new Set(versions)].sort((left, right) => left - right));
});

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

it('scans a prefix by key, page by page', async () => {
  await store.write(['b', 'a:1', 'a:3', 'a:2', 'a', 'a;', 'a:é', 'a:😀', 'A:1'].map((key) => put(key)));
  const first = await store.scan('a:', { limit: 2 });
  expect(first.map(({ key }) => key)).toEqual(['a:1', 'a:2']);
  const rest = await store.scan('a:', { limit: 10, after: 'a:2' });
  expect(rest.map(({ key }) => key)).toEqual(['a:3', 'a:é', 'a:😀']);
});

it('refuses keys that are too long, transactions, and work after it was closed', async () => {
  expect(await store.write([put('é'.repeat(256))])).toMatchObject({ ok: true });
  await expect(store.write([put(`${'é'.repeat(256)}x`)])).rejects.toThrow(/takes 513 bytes, at most 512/);
  await expect(store.write([put('a')], { tx: {} })).rejects.toMatchObject({ code: 'unsupported' });
  await store.close();
  await expect(store.read(['a'])).rejects.toMatchObject({ code: 'closed' });
  await expect(store.write([put('a')])).rejects.toMatchObject({ code: 'closed' });
  await expect(store.scan('', { limit: 1 })).rejects.toMatchObject({ code: 'closed' });
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
