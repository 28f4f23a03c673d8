import { jest } from '@jest/globals';
import { PROBES } from './probe.js';
import { Stage } from './stage.js';
import { claims, idsOf } from './testimony.js';
import { MOST_IN_FLIGHT } from './worker.options.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(40_000);

const MESSAGES = 12;
/** Longer than a lease: whoever comes this much later finds what a dead process held. */
const AFTER_THE_LEASE_MS = 31_000;

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const repeated = (ids: readonly string[]): readonly string[] =>
  ids.filter((id, at) => ids.indexOf(id) !== at);

const places: readonly (readonly [string, number])[] = [
  ['first', 1],
  ['middle', MESSAGES / 2],
  ['last', MESSAGES],
];
const deaths = PROBES.flatMap((probe) => places.map(([place, message]) => ({ probe, place, message })));

describe('an application that is killed', () => {
  it.each(deaths)('loses nothing: $probe, $place message', async ({ probe, message }) => {
    const ids = await stage.publish(MESSAGES);
    const first = stage.worker({ fate: { probe, message } });
    const second = stage.worker({ aheadMs: AFTER_THE_LEASE_MS });
    await first.work();
    expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });

    const before = stage.facts();
    expect(before.at(-1)).toEqual({ fact: 'killed', probe });
    const [held, untouched] = [await stage.lying('inflight'), await stage.lying('ready')];
    expect(held.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);

    await second.work();
    await stage.untilDrained();
    expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null });

    const after = stage.facts().slice(before.length);
    const effects = idsOf(stage.facts(), 'effect');
    expect(new Set(effects)).toEqual(new Set(ids));
    expect(repeated(effects).filter((id) => !held.includes(id))).toEqual([]);
    expect(claims(after)).toEqual(
      [
        ...held.map((id) => `${id}: attempt 2, crashes 1`),
        ...untouched.map((id) => `${id}: attempt 1, crashes 0`),
      ].toSorted(),
    );
    expect(await stage.lying('dead')).toEqual([]);
    expect(stage.wrong()).toEqual([]);
  });

  it('loses nothing when that happens at any moment, again and again', async () => {
    const ids = await stage.publish(600);
    const workers = [0, 1, 2].map((turn) => stage.worker({ aheadMs: turn * AFTER_THE_LEASE_MS }));
    const mayRepeat = new Set<string>();
    for (const worker of workers.slice(0, -1)) {
      const handled = (): number => new Set(idsOf(stage.facts(), 'effect')).size;
      const enough = handled() + 100;
      await worker.work();
      await stage.until(() => handled() >= enough);
      expect(await worker.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
      for (const id of await stage.lying('inflight')) mayRepeat.add(id);
    }
    await workers.at(-1)?.work();
    await stage.untilDrained();
    const effects = idsOf(stage.facts(), 'effect');
    expect(new Set(effects)).toEqual(new Set(ids));
    expect(repeated(effects).filter((id) => !mayRepeat.has(id))).toEqual([]);
    expect(mayRepeat.size).toBeLessThanOrEqual(2 * MOST_IN_FLIGHT);
    expect(stage.wrong()).toEqual([]);
  });
});
