import {
  ANSWERED_WITHIN_MS,
  BACK_WITHIN_MS,
  COMMAND_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  SLACK_MS,
} from './fault-subject.js';
import type { Site } from './site.js';

/** Longer than a heartbeat is missed, and shorter than the tests take otherwise. */
const PAUSE_MS = 5_000;
const DRAIN_MS = 2_000;

/** Faults of the broker. */
export function brokerOutages(site: () => Site): void {
  it('kill -9 and an orderly restart in a burst: nothing is lost, every publish is answered, the worker goes on', async () => {
    const { broker } = site();
    const worker = site().workers.start();
    await worker.work();
    const tookMs = await site().producing(async () => {
      await site().until(() => site().answered('stored') > 100);
      await site().fault(() => broker.kill());
      await broker.start();
      const before = site().answered('stored');
      await site().until(() => site().answered('stored') > before + 100);
      await site().fault(() => broker.stop());
      await broker.start();
      return site().canary('after');
    });
    expect(tookMs).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await site().untilDrained();
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
    expect(slowestAnswer(site())).toBeLessThan(ANSWERED_WITHIN_MS + SLACK_MS);
  });

  it('a broker that stands still: publishes are answered, health tells, and it goes on where it was', async () => {
    const { broker } = site();
    const worker = site().workers.start();
    await worker.work();
    await site().canary('before');
    const tookMs = await site().producing(async () => {
      await site().fault(() => broker.pause());
      await site().pass(PAUSE_MS);
      expect(site().health.at(-1)).not.toBe('up');
      await broker.resume();
      return site().canary('after');
    });
    expect(tookMs).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await site().untilDrained();
    await site().until(() => site().health.at(-1) === 'up');
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
    expect(slowestAnswer(site())).toBeLessThan(ANSWERED_WITHIN_MS + SLACK_MS);
  });

  it('a broker that is down: a start fails soon and says why, an end comes in time, and no secret is told', async () => {
    const { broker, workers } = site();
    const running = workers.start({ drain: `${DRAIN_MS}ms` });
    const [absent, refused] = [workers.start(), workers.start({ backend: site().wrongPassword() })];
    for (const { process } of [absent, refused]) process.isShown = false;
    await running.work();
    await refused.work();
    expect((await refused.ended).code).toBeGreaterThan(0);
    await site().fault(() => broker.kill());
    const startedAt = performance.now();
    await absent.work();
    expect((await absent.ended).code).toBeGreaterThan(0);
    expect(performance.now() - startedAt).toBeLessThan(CONNECT_TIMEOUT_MS + 2 * SLACK_MS);
    await site().until(() => site().health.at(-1) === 'down', 2 * site().subject.heartbeatMs + SLACK_MS);
    const calledAt = performance.now();
    await running.end('SIGTERM');
    expect(performance.now() - calledAt).toBeLessThan(DRAIN_MS + COMMAND_TIMEOUT_MS + SLACK_MS);
    await broker.start();
    expect(site().everythingSaid()).toMatch(/backend "events"/);
    expect(site().everythingSaid()).not.toMatch(/canary-|s3cret/);
  });
}

function slowestAnswer({ told }: Site): number {
  return Math.max(...told.map(({ afterMs }) => afterMs));
}
