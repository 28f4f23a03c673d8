import type { Direction } from '@pigeonpost/queue/testing';
import { BACK_WITHIN_MS, SLACK_MS } from './fault-subject.js';
import type { Site } from './site.js';

const RESETS = 15;
const RESET_EVERY_MS = 200;
const MESSAGES = 20;
/** From within the first frame to the middle of a batch. */
const CUTS: readonly (readonly [Direction, number])[] = [
  ['to broker', 1],
  ['from broker', 3],
  ['to broker', 40],
  ['from broker', 100],
  ['from broker', 1_500],
  ['to broker', 2_000],
];

/** Faults of the network between a worker and its broker. */
export function networkFaults(site: () => Site): void {
  it.each(['blackhole', 'stall'] as const)(
    'an idle worker behind a %s notices within two heartbeats, and works again when the network does',
    async (kind) => {
      const worker = site().workers.start();
      await worker.work();
      await site().canary('before');
      await site().until(() => site().health.at(-1) === 'up');
      await site().fault(async () => site().network.apply({ kind }));
      await site().until(() => site().health.at(-1) !== 'up', 2 * site().subject.heartbeatMs + SLACK_MS);
      site().network.heal();
      expect(await site().canary('after')).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
      await site().until(() => site().health.at(-1) === 'up');
      await site().untilDrained();
      expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(await site().wrong()).toEqual([]);
    },
  );

  it('resets again and again: nothing is lost, and no connection is left over', async () => {
    const worker = site().workers.start();
    await worker.work();
    await site().produce({ name: 'before', count: 100, atOnce: 20 });
    await site().untilDrained();
    const { connections } = site().network;
    await site().producing(async () => {
      for (let reset = 0; reset < RESETS; reset++) {
        await site().fault(async () => site().network.resetAll());
        await site().pass(RESET_EVERY_MS);
      }
      expect(await site().canary('after')).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    });
    await site().untilDrained();
    await site().until(() => site().network.connections <= connections);
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
  });

  it('single bytes, late bytes and few bytes a second: every message once', async () => {
    const worker = site().workers.start();
    await worker.work();
    const padding = 'ü'.repeat(500);
    for (const fault of [
      { kind: 'slice', bytes: 1 },
      { kind: 'latency', ms: 250 },
      { kind: 'bandwidth', bytesPerSecond: 64_000 },
    ] as const) {
      site().network.apply(fault);
      await site().produce({ name: fault.kind, count: MESSAGES, atOnce: 10, padding });
      await site().untilDrained();
    }
    site().network.heal();
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(site().facts.filter(({ fact }) => fact === 'effect')).toHaveLength(3 * MESSAGES);
    expect(await site().wrong()).toEqual([]);
    expect(await site().dead()).toEqual([]);
  });

  it('a cut in the middle of a frame: nothing is lost, and half a message is none', async () => {
    const worker = site().workers.start();
    await worker.work();
    await site().producing(async () => {
      for (const [direction, afterBytes] of CUTS) {
        await site().fault(() => site().network.cut({ direction, afterBytes }));
      }
      expect(await site().canary('after')).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    });
    await site().untilDrained();
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
    expect(await site().dead()).toEqual([]);
  });
}
