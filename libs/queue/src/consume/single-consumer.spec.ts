import type { Consumer } from './consumer.js';
import { Scene } from './consumer.fixture.js';

const SINGLE = { single: { leaseMs: 9_000 }, prefetch: 0, concurrency: 1 } as const;

async function two(scene: Scene): Promise<{ starts: string[]; a: Consumer; b: Consumer }> {
  const starts: string[] = [];
  const handle = (who: string) => (): void => void starts.push(who);
  const a = await scene.consume({ handle: handle('a'), policies: SINGLE });
  const b = await scene.consume({ handle: handle('b'), policies: SINGLE });
  return { starts, a, b };
}

describe('a single consumer', () => {
  it('is the only one that handles, and its successor takes over when it stops', async () => {
    const scene = await Scene.open();
    const { starts, a, b } = await two(scene);
    await scene.publish('1', '2', '3');
    await scene.until(() => starts.length === 3);
    await scene.drain(a);
    await scene.publish('4', '5');
    await scene.until(() => starts.length === 5, 9_000 / 3 + 1);
    expect(starts).toEqual(['a', 'a', 'a', 'b', 'b']);
    await scene.drain(b);
    expect(scene.clock.pending).toBe(0);
  });

  it('keeps its right for as long as it runs', async () => {
    const scene = await Scene.open();
    const { starts, a } = await two(scene);
    for (let round = 1; round <= 10; round++) {
      await scene.clock.advance(5_000);
      await scene.publish(`m${round}`);
      await scene.until(() => starts.length === round);
    }
    expect(new Set(starts)).toEqual(new Set(['a']));
    expect(a.status().lastError).toBeUndefined();
  });

  it('stops before its right ends when it cannot renew it, and only then is there a successor', async () => {
    const scene = await Scene.open();
    const { store } = scene;
    let cut = false;
    const starts: string[] = [];
    const write: typeof store.write = (ops) =>
      cut ? Promise.reject(new TypeError('no connection')) : store.write(ops);
    await scene.consume({
      handle: () => void starts.push('a'),
      policies: SINGLE,
      store: {
        read: (keys) => store.read(keys),
        write,
        scan: (...of) => store.scan(...of),
        close: async () => {},
      },
    });
    await scene.publish('1');
    await scene.until(() => starts.length === 1);
    cut = true;
    await scene.until(() => scene.faults.includes('go on'), 9_000 - 1);
    await scene.publish('2');
    await scene.clock.advance(1_000);
    expect(starts).toEqual(['a']);
    await scene.consume({ handle: () => void starts.push('b'), policies: SINGLE });
    await scene.until(() => starts.length === 2);
    expect(starts).toEqual(['a', 'b']);
  });

  it('recognises its own right when the answer to a renewal was lost', async () => {
    const scene = await Scene.open();
    const { store } = scene;
    let lose = false;
    const starts: string[] = [];
    const write: typeof store.write = async (ops) => {
      const result = await store.write(ops);
      if (!lose) return result;
      lose = false;
      throw new TypeError('the answer was lost');
    };
    await scene.consume({
      handle: () => void starts.push('a'),
      policies: SINGLE,
      store: {
        read: (keys) => store.read(keys),
        write,
        scan: (...of) => store.scan(...of),
        close: async () => {},
      },
    });
    await scene.publish('1');
    await scene.until(() => starts.length === 1);
    lose = true;
    await scene.clock.advance(30_000);
    await scene.publish('2');
    await scene.until(() => starts.length === 2);
    expect(scene.faults).toEqual(['ask for the right to handle']);
  });
});
