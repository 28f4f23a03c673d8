import { PROBES } from '../application/probe.js';
import type { Fact } from '../application/testimony.js';
import { MOST_IN_FLIGHT } from '../application/worker.options.js';
import { CRASH_SEEN_WITHIN_MS, LEASE_MS, SLACK_MS } from './fault-subject.js';
import { unconfirmed } from './reconcile.js';
import type { Site } from './site.js';

const MESSAGES = 90;
/** Of those that come by the probe: in the middle of its second round trip. */
const FATAL_MESSAGE = 7;

/** Faults of processes. */
export function consumerDeaths(site: () => Site): void {
  it('kill -9 of a worker at every probe: nothing is lost, and what it held comes after its lease', async () => {
    const { workers } = site();
    const doomed = PROBES.map((probe) => workers.start({ fate: { probe, message: FATAL_MESSAGE } }));
    const last = workers.start();
    await site().produce({ name: 'm', count: MESSAGES, atOnce: 20 });
    for (const worker of doomed) {
      await worker.work();
      expect(await worker.ended).toEqual({ code: null, signal: 'SIGKILL' });
    }
    const died = Date.now();
    const held = [...unconfirmed(site().facts).keys()].filter((id) => !site().handled().has(id));
    expect(held.length).toBeLessThanOrEqual(PROBES.length * MOST_IN_FLIGHT);
    await last.work();
    await site().untilDrained();
    expect(await last.end('SIGTERM')).toEqual({ code: 0, signal: null });

    expect(await site().wrong()).toEqual([]);
    expect(site().facts.filter(({ fact }) => fact === 'killed')).toHaveLength(PROBES.length);
    const late = held.filter(
      (id) => lastDelivery(site().facts, id) > died + LEASE_MS + CRASH_SEEN_WITHIN_MS + SLACK_MS,
    );
    expect(late).toEqual([]);
  });

  it('kill -9 of a producer in a burst: what it was told is stored is handled, and nothing it did not send', async () => {
    const worker = site().workers.start();
    await worker.work();
    const producer = site().producer({ name: 'p', count: 1_000_000, atOnce: 20 });
    await site().until(() => site().told.length > 400);
    await producer.end('SIGKILL');
    await site().untilDrained();
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await site().wrong()).toEqual([]);
  });

  it('a worker that is stopped for two leases and goes on changes nothing that another one did meanwhile', async () => {
    const [paused, other] = [site().workers.start({ handlerMs: 300 }), site().workers.start()];
    await site().produce({ name: 'm', count: 20, atOnce: 20 });
    await paused.work();
    await site().until(() => site().facts.some(({ fact }) => fact === 'started'));
    paused.process.signal('SIGSTOP');
    await other.work();
    await site().untilDrained();
    const done = site().facts.length;
    paused.process.signal('SIGCONT');
    await site().publish({ id: 'after' });
    await site().until(() => site().handled().has('after'));
    // It ends its handlers, and is told that what it held is lost.
    expect(await paused.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await other.end('SIGTERM')).toEqual({ code: 0, signal: null });
    const results = site()
      .facts.slice(done)
      .flatMap((fact) => (fact.fact === 'settled' ? [fact.result] : []));
    expect(results).toContain('lost');
    expect(await site().wrong()).toEqual([]);
    expect(await site().depth()).toMatchObject({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
  });
}

function lastDelivery(facts: readonly Fact[], id: string): number {
  return facts.reduce((at, fact) => (fact.fact === 'delivered' && fact.id === id ? fact.at : at), 0);
}
