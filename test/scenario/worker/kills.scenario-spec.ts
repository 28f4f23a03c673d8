import { jest } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '@pigeonpost/queue/testing';
import type { ScenarioProcess } from '../child-process.js';
import { CONCURRENCY, PREFETCH } from './worker.order.js';
import { idsOf, idsUpTo, Workshop } from './workshop.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(90_000);

const MESSAGES = 40;
const WORKERS = 3;
const KILLS = 6;
const KILL_EVERY_MS = 700;

let shop: Workshop;
afterEach(() => shop.close());

describe('workers of which one is killed again and again', () => {
  it('lose no message, and repeat no more than what the killed ones held', async () => {
    const random = seededRandom(7);
    shop = await Workshop.open(MESSAGES);
    const everyone: ScenarioProcess[] = [];
    const start = (): ScenarioProcess => {
      const worker = shop.start('slow');
      everyone.push(worker);
      return worker;
    };
    const alive = Array.from({ length: WORKERS }, start);
    await shop.until(() => alive.every((worker) => shop.linesOf(worker).length > 0));
    for (let kill = 0; kill < KILLS; kill++) {
      await wait(KILL_EVERY_MS);
      const at = Math.floor(random.next() * WORKERS);
      const victim = alive[at] as ScenarioProcess;
      await victim.end('SIGKILL');
      alive[at] = start();
    }
    await shop.emptied();

    const lines = everyone.flatMap((worker) => shop.linesOf(worker));
    const effects = idsOf(lines, 'effect');
    const dead = (await shop.dead()).map(({ id, failures }) => {
      expect(failures.at(-1)?.reason).toBe('crash');
      return id;
    });
    expect([...new Set([...effects, ...dead])].toSorted()).toEqual(idsUpTo(MESSAGES).toSorted());
    const repeated = effects.length - new Set(effects).size;
    expect(repeated).toBeLessThanOrEqual(KILLS * (CONCURRENCY + PREFETCH));
  });
});
