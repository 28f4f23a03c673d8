import { Reject } from '../policies/verdicts.js';
import type { Consumer } from './consumer.js';
import { Scene } from './consumer.fixture.js';

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`);

describe('a consumer with a rate', () => {
  it('starts no more handlers in any span, holds nothing back that others could take, and wakes in time', async () => {
    const scene = await Scene.open();
    const starts: number[] = [];
    const consumer = await scene.consume({
      handle: () => void starts.push(scene.clock.mono()),
      policies: { rate: { max: 3, perMs: 1_000 } },
    });
    await scene.publish(...ids(10));
    await scene.until(() => starts.length === 3);
    expect(await scene.depth()).toMatchObject({ ready: 7, inflight: 0 });
    await scene.until(() => starts.length === 10);
    const from = starts[0] as number;
    expect(starts.map((at) => at - from)).toEqual([0, 0, 0, 1_000, 1_000, 1_000, 2_000, 2_000, 2_000, 3_000]);
    await scene.drain(consumer);
    expect(scene.clock.pending).toBe(0);
  });

  it('holds also for what was buffered before its turn', async () => {
    const scene = await Scene.open();
    const starts: number[] = [];
    let release = (): void => {};
    const first = new Promise<void>((resolve) => (release = resolve));
    await scene.publish(...ids(6));
    await scene.consume({
      handle: async () => {
        starts.push(scene.clock.mono());
        if (starts.length === 1) await first;
      },
      policies: { concurrency: 1, prefetch: 3, rate: { max: 4, perMs: 1_000 } },
    });
    await scene.until(() => starts.length === 1);
    await scene.clock.advance(900);
    release();
    await scene.until(() => starts.length === 6);
    const at = starts.map((start) => start - (starts[0] as number));
    expect(at.slice(1)).toEqual([900, 900, 900, 1_000, 1_900]);
  });
});

describe('a consumer with a circuit', () => {
  async function failing(
    isDown: () => boolean,
  ): Promise<{ scene: Scene; starts: string[]; consumer: Consumer }> {
    const scene = await Scene.open();
    const starts: string[] = [];
    const consumer = await scene.consume({
      handle: ({ id }) => {
        starts.push(id);
        if (isDown()) throw new TypeError('the bank is down');
      },
      policies: { concurrency: 1, prefetch: 0, circuit: { failures: 3, openMs: 60_000 } },
      retry: { attempts: 10 },
    });
    return { scene, starts, consumer };
  }

  it('stops taking after failures in a row, tries one message after the pause, and goes on when that succeeds', async () => {
    let down = true;
    const { scene, starts, consumer } = await failing(() => down);
    await scene.publish(...ids(20));
    await scene.until(() => scene.faults.length === 1);
    expect(starts).toEqual(['m0', 'm1', 'm2']);
    await scene.clock.advance(59_000);
    expect(starts).toHaveLength(3);

    await scene.clock.advance(1_001);
    expect(starts).toHaveLength(4); // one, and it failed
    expect(scene.faults).toEqual(['go on', 'go on']);
    down = false;
    await scene.clock.advance(59_000);
    expect(starts).toHaveLength(4);
    await scene.until(() => scene.settled.filter((line) => line.startsWith('ack')).length === 20);
    expect(await scene.dead()).toEqual([]);
    expect(consumer.status().circuit).toBe('closed');
  });

  it('counts failures in a row only, and nothing that is wrong with a message itself', async () => {
    const scene = await Scene.open();
    const ends = [TypeError, TypeError, undefined, TypeError, Reject, TypeError, undefined];
    let at = 0;
    const consumer = await scene.consume({
      handle: () => {
        const End = ends[at++ % ends.length];
        if (End !== undefined) throw new End('no');
      },
      policies: { concurrency: 1, prefetch: 0, circuit: { failures: 3, openMs: 60_000 } },
      retry: { attempts: 1 },
    });
    await scene.publish(...ids(16));
    await scene.until(() => scene.settled.length >= 16);
    expect(consumer.status().circuit).toBe('closed');
    expect(scene.faults).toEqual([]);
  });

  it('gives back what waits when it opens, uncounted, and leaves no timer after a drain', async () => {
    const scene = await Scene.open();
    await scene.publish(...ids(4));
    const consumer = await scene.consume({
      handle: async () => {
        await Promise.resolve();
        throw new TypeError('down');
      },
      policies: { concurrency: 1, prefetch: 5, circuit: { failures: 1, openMs: 60_000 } },
    });
    await scene.until(() => scene.settled.length === 4);
    expect(scene.settled.toSorted()).toEqual(['release m1', 'release m2', 'release m3', 'retry m0']);
    expect(consumer.status().circuit).toBe('open');
    await scene.drain(consumer);
    expect(scene.clock.pending).toBe(0);
  });
});
