import { memoryBackend } from '../backends/memory/index.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { ScopedStore } from './scoped-store.js';
import type { Store } from './store.js';

describe('ScopedStore', () => {
  let whole: Store;
  let one: ScopedStore;
  let other: ScopedStore;

  beforeEach(async () => {
    const opened = await memoryBackend.open('main', {}, testAmbient(new VirtualClock()));
    whole = opened.store as Store;
    one = new ScopedStore(whole, 'one');
    other = new ScopedStore(whole, 'one-more');
  });

  const put = (key: string, value: string) => ({ op: 'put', key, value, if: 'absent' }) as const;

  it('knows its keys by their plain names, and nobody else’s', async () => {
    await one.write([put('a', '1')]);
    await other.write([put('a', '2')]);
    const [mine] = await one.read(['a']);
    expect(mine).toMatchObject({ key: 'a', value: '1' });
    expect((await whole.scan('', { limit: 9 })).map(({ key }) => key)).toEqual(['one-more/a', 'one/a']);
  });

  it('tells a conflict by the plain key', async () => {
    await one.write([put('a', '1')]);
    const again = await one.write([put('b', '1'), put('a', '2')]);
    expect(again).toMatchObject({ ok: false, conflicts: [{ key: 'a', entry: { key: 'a', value: '1' } }] });
    expect(await one.read(['b'])).toEqual([undefined]);
  });

  it('walks through its own part, page by page', async () => {
    await one.write([put('a', '1'), put('b', '1'), put('c', '1')]);
    await other.write([put('d', '1')]);
    const first = await one.scan('', { limit: 2 });
    const rest = await one.scan('', { limit: 2, after: first.at(-1)?.key as string });
    expect([...first, ...rest].map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  it('leaves the store open for the others', async () => {
    await one.close();
    expect((await other.write([put('a', '1')])).ok).toBe(true);
  });
});
