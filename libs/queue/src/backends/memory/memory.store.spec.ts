import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { MemoryStore } from './memory.store.js';

function open(): { clock: VirtualClock; store: MemoryStore } {
  const clock = new VirtualClock();
  return { clock, store: new MemoryStore('m', clock) };
}

describe('MemoryStore', () => {
  it('reads what was written, in the order asked', async () => {
    const { store } = open();
    await store.write([
      { op: 'put', key: 'a', value: '1' },
      { op: 'put', key: 'b', value: '2' },
    ]);
    const [b, nothing, a] = await store.read(['b', 'c', 'a']);
    expect([b?.value, nothing, a?.value]).toEqual(['2', undefined, '1']);
  });

  it('writes all or nothing, and names the conflicts with what stands there', async () => {
    const { store } = open();
    await store.write([{ op: 'put', key: 'a', value: '1' }]);
    const [entry] = await store.read(['a']);
    const refused = await store.write([
      { op: 'put', key: 'free', value: 'x', if: 'absent' },
      { op: 'put', key: 'a', value: 'x', if: 'absent' },
      { op: 'delete', key: 'a', if: 999 },
    ]);
    expect(refused).toEqual({
      ok: false,
      conflicts: [
        { key: 'a', entry },
        { key: 'a', entry },
      ],
    });
    expect(await store.read(['free', 'a'])).toEqual([undefined, entry]);
    const done = await store.write([
      { op: 'put', key: 'a', value: '2', if: entry?.version as number },
      { op: 'delete', key: 'none' },
    ]);
    expect(done).toMatchObject({ ok: true, versions: [expect.any(Number), 0] });
  });

  it('never uses a version of a living key again', async () => {
    const { store } = open();
    const versions: number[] = [];
    for (const op of ['put', 'put', 'delete', 'put'] as const) {
      const result = await store.write([op === 'put' ? { op, key: 'k', value: '' } : { op, key: 'k' }]);
      if (result.ok && op === 'put') versions.push(result.versions[0] as number);
    }
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
  });

  it('forgets at the very end of the time to live', async () => {
    const { clock, store } = open();
    await store.write([{ op: 'put', key: 'k', value: 'v', ttlMs: 100 }]);
    await clock.advance(99);
    expect((await store.read(['k']))[0]?.expiresAt).toBe(clock.now() + 1);
    await clock.advance(1);
    expect(await store.read(['k'])).toEqual([undefined]);
    expect(await store.scan('', { limit: 9 })).toEqual([]);
    expect(await store.write([{ op: 'put', key: 'k', value: 'w', if: 'absent' }])).toMatchObject({
      ok: true,
    });
  });

  it('frees what expired while others are written', async () => {
    const { clock, store } = open();
    for (let n = 0; n < 100; n++) await store.write([{ op: 'put', key: `old${n}`, value: '', ttlMs: 1 }]);
    await clock.advance(1);
    for (let n = 0; n < 60; n++) await store.write([{ op: 'put', key: 'new', value: String(n) }]);
    expect(store.size).toBe(1);
  });

  it('scans by prefix, in order, page by page, and sees later writes', async () => {
    const { store } = open();
    const put = (key: string) => store.write([{ op: 'put', key, value: key }]);
    for (const key of ['p:2', 'q:1', 'p:1', 'p', 'p:3']) await put(key);
    const keys = async (after?: string): Promise<string[]> => {
      const page = after === undefined ? { limit: 2 } : { limit: 2, after };
      return (await store.scan('p:', page)).map(({ key }) => key);
    };
    expect(await keys()).toEqual(['p:1', 'p:2']);
    expect(await keys('p:2')).toEqual(['p:3']);
    await put('p:11');
    expect(await keys()).toEqual(['p:1', 'p:11']);
    await store.write([{ op: 'delete', key: 'p:1' }]);
    expect(await keys()).toEqual(['p:11', 'p:2']);
  });

  it('refuses keys that are too long, transactions, and everything once closed', async () => {
    const { store } = open();
    const write = (key: string, tx?: unknown) => store.write([{ op: 'put', key, value: '' }], { tx });
    await expect(write('é'.repeat(256))).resolves.toMatchObject({ ok: true });
    await expect(write('é'.repeat(257))).rejects.toMatchObject({ code: 'invalid_name' });
    await expect(write('k', {})).rejects.toMatchObject({ code: 'unsupported' });
    await store.close();
    await expect(write('k')).rejects.toMatchObject({ code: 'closed' });
    await expect(store.read(['k'])).rejects.toMatchObject({ code: 'closed' });
    await expect(store.scan('', { limit: 1 })).rejects.toMatchObject({ code: 'closed' });
  });
});
