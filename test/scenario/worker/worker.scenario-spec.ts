import { jest } from '@jest/globals';
import type { ScenarioProcess } from '../child-process.js';
import { CONCURRENCY, DRAIN_MS, type LogLine, MAX_CRASHES, PREFETCH } from './worker.order.js';
import { idsOf, idsUpTo, Workshop } from './workshop.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(60_000);

let shop: Workshop;
afterEach(() => shop.close());

/** `attempt/crashes` as each start was told. */
const tellings = (lines: readonly LogLine[]): string[] =>
  lines.filter(({ what }) => what === 'start').map(({ attempt, crashes }) => `${attempt}/${crashes}`);

/** Milliseconds until it had ended as it should. */
async function stop(worker: ScenarioProcess): Promise<number> {
  const from = performance.now();
  expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  return performance.now() - from;
}

/** What a worker did that took over and handled all there was. */
async function takeOver(): Promise<readonly LogLine[]> {
  const successor = shop.start('quick');
  await shop.emptied();
  await stop(successor);
  return shop.linesOf(successor);
}

describe('a message that kills its worker', () => {
  it('dies after its own small number of crashes, and takes no other message with it', async () => {
    shop = await Workshop.open(1);
    for (let crash = 1; crash <= MAX_CRASHES; crash++) {
      const killed = shop.start('deadly');
      expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(tellings(shop.linesOf(killed))).toEqual([`${crash}/${crash - 1}`]);
    }
    await shop.publish(['sound']);
    const lines = await takeOver();
    expect(idsOf(lines, 'start')).toEqual(['sound']);
    expect(await shop.dead()).toMatchObject([
      { id: 'm-1', crashes: MAX_CRASHES, failures: [{ reason: 'crash' }] },
    ]);
  });
});

describe('a worker that is told to stop under load', () => {
  it('ends with code 0 in time; the rest is handled later, with no attempt counted', async () => {
    const ids = idsUpTo(12);
    shop = await Workshop.open(ids.length);
    const stopped = shop.start('slow');
    await shop.until(() => idsOf(shop.linesOf(stopped), 'start').length > CONCURRENCY);
    expect(await stop(stopped)).toBeLessThan(DRAIN_MS);
    const done = idsOf(shop.linesOf(stopped), 'effect');
    expect(await shop.depth()).toMatchObject({ ready: ids.length - done.length, inflight: 0, dead: 0 });
    const after = await takeOver();
    expect([...done, ...idsOf(after, 'effect')].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ids.toSorted());
    expect(new Set(tellings(after))).toEqual(new Set(['1/0']));
  });

  it('does so even when its handlers do not end', async () => {
    const ids = idsUpTo(CONCURRENCY + PREFETCH);
    shop = await Workshop.open(ids.length);
    const stopped = shop.start('endless');
    await shop.until(() => idsOf(shop.linesOf(stopped), 'start').length === CONCURRENCY);
    expect(await stop(stopped)).toBeLessThan(DRAIN_MS + 500);
    expect(await shop.depth()).toMatchObject({ ready: ids.length, inflight: 0, dead: 0 });
    const after = await takeOver();
    expect(idsOf(after, 'effect')).toHaveLength(ids.length);
    expect(tellings(after)).toEqual(ids.map(() => '1/0'));
  });
});
