import { claims, idsOf } from '../application/testimony.js';
import { CONCURRENCY } from '../application/worker.options.js';
import { LEASE_MS, SLACK_MS } from './fault-subject.js';
import type { Site } from './site.js';

const MAX_CRASHES = 2;
const DRAIN_MS = 1_500;

/** Faults of handlers, and ends of workers. */
export function handlerFaults(site: () => Site): void {
  it('a message that kills its worker dies after its own small number of crashes, and its neighbours are handled', async () => {
    await site().publish({ id: 'poison', act: 'kill' });
    await site().produce({ name: 'm', count: 20, atOnce: 20 });
    for (let deaths = 0; deaths < MAX_CRASHES; deaths++) {
      const worker = site().workers.start({ maxCrashes: MAX_CRASHES });
      await worker.work();
      expect(await worker.ended).toEqual({ code: null, signal: 'SIGKILL' });
    }
    const last = site().workers.start({ maxCrashes: MAX_CRASHES });
    await last.work();
    await site().untilDrained();
    expect(await last.end('SIGTERM')).toEqual({ code: 0, signal: null });
    const dead = await site().dead();
    expect(new Set(dead)).toEqual(new Set(['poison']));
    // Where what is given back is a copy, and its acknowledgement on its way, each death may leave both.
    expect(dead.length).toBeLessThanOrEqual(site().subject.settled === 'on its way' ? 2 ** MAX_CRASHES : 1);
    expect(await site().wrong()).toEqual([]);
  });

  it('a handler that blocks the event loop longer than a lease and a heartbeat: nothing is lost, and the worker goes on', async () => {
    const worker = site().workers.start();
    await worker.work();
    await site().publish({ id: 'blocks', act: { blockMs: 2 * LEASE_MS } });
    await site().produce({ name: 'm', count: 5, atOnce: 5 });
    await site().canary('after');
    await site().untilDrained();
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
  });

  it('a SIGTERM under load: the worker ends in time, and what it gives back is handled at once, uncounted', async () => {
    const [first, second] = [
      site().workers.start({ handlerMs: 60_000, drain: `${DRAIN_MS}ms`, lease: '60s' }),
      site().workers.start(),
    ];
    await first.work();
    await site().produce({ name: 'm', count: 30, atOnce: 30 });
    await site().until(() => idsOf(site().facts, 'started').length >= CONCURRENCY);
    const calledAt = performance.now();
    expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - calledAt).toBeLessThan(DRAIN_MS + SLACK_MS);
    await second.work();
    await site().untilDrained();
    expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
    expect(claims(site().facts).filter((told) => !told.endsWith(': attempt 1, crashes 0'))).toEqual([]);
  });
}
