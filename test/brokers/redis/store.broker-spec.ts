import type { Store } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';

const put = (key: string, value = key): { op: 'put'; key: string; value: string } => ({
  op: 'put',
  key,
  value,
});

describeWith('redis', 'the store of redis', () => {
  let backends: OpenedBackends;
  let store: Store;

  beforeEach(async () => {
    backends = new OpenedBackends(brokerUrl('redis'));
    ({ store } = await backends.open());
  });
  afterEach(() => backends.dispose());

  it('answers key by key, with what was written last', async () => {
    await store.write([put('a', '1'), put('b', 'nul \0 é😀')]);
    const written = await store.write([put('a', '2 3 4')]);
    const [a, missing, b] = await store.read(['a', 'x', 'b']);
    const version = written.ok ? written.versions[0] : 0;
    expect(a).toEqual({ key: 'a', value: '2 3 4', version, expiresAt: undefined });
    expect(missing).toBeUndefined();
    expect(b?.value).toBe('nul \0 é😀');
  });

  it('writes all or nothing, and shows what stood in the way', async () => {
    const first = await store.write([put('a', '1')]);
    const version = first.ok ? first.versions[0] : 0;
    const refused = await store.write([
      put('b'),
      { ...put('a', '2'), if: 'absent' },
      { op: 'delete', key: 'c', if: 7 },
    ]);
    const entry = { key: 'a', value: '1', version, expiresAt: undefined };
    expect(refused).toEqual({
      ok: false,
      conflicts: [
        { key: 'a', entry },
        { key: 'c', entry: undefined },
      ],
    });
    expect(await store.read(['b'])).toEqual([undefined]);
    const written = await store.write([
      { ...put('a', '2'), if: version as number },
      { ...put('b'), if: 'absent' },
      { op: 'delete', key: 'never' },
    ]);
    expect(written).toMatchObject({ ok: true, versions: [expect.any(Number), expect.any(Number), 0] });
  });

  it('lets one of many who want the same absent key have it', async () => {
    const { store: other } = await backends.open();
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
      { ...put('a'), ttlMs: 1 },
      put('a'),
    ]) {
      const result = await store.write([op]);
      if (result.ok && result.versions[0]) versions.push(result.versions[0]);
      await backends.time.pass(3);
    }
    expect(versions).toHaveLength(4);
    expect(versions).toEqual([...new Set(versions)].sort((left, right) => left - right));
  });

  it('takes expired entries for absent, and an entry that is written again without a life for immortal', async () => {
    await store.write([
      { ...put('old'), ttlMs: 50 },
      { ...put('kept'), ttlMs: 50 },
    ]);
    expect((await store.read(['old']))[0]?.expiresAt).toBeGreaterThan(backends.ambient.clock.now() - 1_000);
    await store.write([put('kept', 'again')]);
    await backends.time.pass(60);
    expect(await store.read(['old', 'kept'])).toMatchObject([undefined, { value: 'again' }]);
    expect((await store.scan('', { limit: 100 })).map(({ key }) => key)).toEqual(['kept']);
    expect(await store.write([{ ...put('old', 'new'), if: 'absent' }])).toMatchObject({ ok: true });
  });

  it('scans a prefix by key, page by page, also when what is between has expired', async () => {
    await store.write(['b', 'a:1', 'a:3', 'a:2', 'a', 'a;', 'a:é', 'a:😀', 'A:1'].map((key) => put(key)));
    await store.write(Array.from({ length: 30 }, (_, at) => ({ ...put(`a:1${at}`), ttlMs: 1 })));
    await backends.time.pass(5);
    const first = await store.scan('a:', { limit: 2 });
    expect(first.map(({ key }) => key)).toEqual(['a:1', 'a:2']);
    const rest = await store.scan('a:', { limit: 10, after: 'a:2' });
    expect(rest.map(({ key }) => key)).toEqual(['a:3', 'a:é', 'a:😀']);
    expect(await store.scan('none', { limit: 10 })).toEqual([]);
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
});
