import type { Store } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';

const put = (key: string, value = key): { op: 'put'; key: string; value: string } => ({
  op: 'put',
  key,
  value,
});

describeWith('postgres', 'the store of postgres', () => {
  let backends: OpenedBackends;
  let store: Store;

  beforeEach(async () => {
    backends = new OpenedBackends(brokerUrl('postgres'));
    await backends.openWith();
    ({ store } = await backends.open());
  });
  afterEach(() => backends.dispose());

  it('answers key by key, and shows what stood in the way of a write that is all or nothing', async () => {
    const written = await store.write([put('a', '{"x":"é😀 \\" \\\\"}'), put('b')]);
    const [version] = written.ok ? written.versions : [];
    const entry = { key: 'a', value: '{"x":"é😀 \\" \\\\"}', version, expiresAt: undefined };
    expect(await store.read(['b', 'x', 'a'])).toMatchObject([{ value: 'b' }, undefined, entry]);
    const refused = await store.write([
      put('c'),
      { ...put('a', '2'), if: 'absent' },
      { op: 'delete', key: 'b', if: 7 },
    ]);
    expect(refused).toMatchObject({ ok: false, conflicts: [{ key: 'a', entry }, { key: 'b' }] });
    expect(await store.read(['c'])).toEqual([undefined]);
    const followed = await store.write([
      { ...put('a', '2'), if: version as number },
      { op: 'delete', key: 'b' },
    ]);
    expect(followed).toMatchObject({ ok: true, versions: [expect.any(Number), 0] });
  });

  it('lets one of many who want the same absent keys have them, in whatever order they name them', async () => {
    const { store: other } = await backends.open();
    const keys = ['k1', 'k2', 'k3'];
    const tries = Array.from({ length: 20 }, (_, at) => {
      const named = at % 2 ? keys : keys.toReversed();
      return (at % 3 ? store : other).write(named.map((key) => ({ ...put(key, `${at}`), if: 'absent' })));
    });
    expect((await Promise.all(tries)).filter(({ ok }) => ok)).toHaveLength(1);
    const values = (await store.read(keys)).map((entry) => entry?.value);
    expect(new Set(values).size).toBe(1);
  });

  it('takes what has expired for absent, and gives no version twice', async () => {
    const versions: number[] = [];
    for (const op of [put('a'), { op: 'delete', key: 'a' } as const, { ...put('a'), ttlMs: 1 }, put('b')]) {
      const result = await store.write([op]);
      if (result.ok && result.versions[0]) versions.push(result.versions[0]);
    }
    await backends.time.pass(20);
    expect((await store.scan('', { limit: 10 })).map(({ key }) => key)).toEqual(['b']);
    const again = await store.write([{ ...put('a'), if: 'absent' }]);
    if (again.ok) versions.push(...again.versions);
    expect(versions).toHaveLength(4);
    expect(versions).toEqual([...new Set(versions)].toSorted((one, other) => one - other));
  });

  it('scans by prefix and key, page by page', async () => {
    await store.write(['p/b', 'p/a', 'p/é', 'q', 'P/a'].map((key) => put(key)));
    const first = await store.scan('p/', { limit: 2 });
    const rest = await store.scan('p/', { limit: 2, after: 'p/b' });
    expect([...first, ...rest].map(({ key }) => key)).toEqual(['p/a', 'p/b', 'p/é']);
  });

  it('writes in the transaction of a caller', async () => {
    const client = await backends.client();
    for (const [how, count] of [
      ['ROLLBACK', 0],
      ['COMMIT', 1],
    ] as const) {
      await client.query('BEGIN');
      expect(await store.write([put('tx')], { tx: client })).toMatchObject({ ok: true });
      expect(await store.read(['tx'])).toEqual([undefined]);
      await client.query(how);
      expect((await store.read(['tx'])).filter(Boolean)).toHaveLength(count);
    }
    await client.end();
  });

  it('says what it cannot keep', async () => {
    await expect(store.write([put('nul', 'a\0b')])).rejects.toMatchObject({ code: 'store_text' });
    await expect(store.write([put('k'.repeat(600))])).rejects.toThrow('store its hash');
    expect(await store.read(['a\0b'])).toEqual([undefined]);
  });
});
