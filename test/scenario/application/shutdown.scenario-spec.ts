import { jest } from '@jest/globals';
import { Stage } from './stage.js';
import { claims, idsOf } from './testimony.js';
import { CONCURRENCY, PREFETCH } from './worker.options.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(40_000);

const MESSAGES = 400;
const DRAIN_MS = 1_500;
/** For closing the application after the drain, and for the operating system. */
const LEEWAY_MS = 1_000;

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

describe('an application that gets a SIGTERM under load', () => {
  it.each([
    { handlers: 'soon done', handlerMs: 20, finish: true },
    { handlers: 'slower than the deadline', handlerMs: 60_000, finish: false },
  ])(
    'ends in time with code 0, and no attempt is counted: handlers $handlers',
    async ({ handlerMs, finish }) => {
      const ids = await stage.publish(MESSAGES);
      const first = stage.worker({ handlerMs, drain: DRAIN_MS });
      const second = stage.worker();
      await first.work();
      await stage.until(() => idsOf(stage.facts(), 'started').length >= (finish ? 50 : CONCURRENCY));

      const calledAt = performance.now();
      expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(performance.now() - calledAt).toBeLessThan(DRAIN_MS + LEEWAY_MS);

      const before = stage.facts();
      const [started, done] = [idsOf(before, 'started'), idsOf(before, 'effect')];
      expect(done).toEqual(finish ? started : []);
      expect(idsOf(before, 'delivered').length).toBeLessThanOrEqual(started.length + CONCURRENCY + PREFETCH);
      expect(await stage.lying('inflight')).toEqual([]);
      expect(new Set(await stage.lying('ready'))).toEqual(new Set(ids.filter((id) => !done.includes(id))));

      await second.work();
      await stage.untilDrained();
      expect(idsOf(stage.facts(), 'effect').toSorted()).toEqual(ids.toSorted());
      expect(claims(stage.facts())).toEqual(ids.map((id) => `${id}: attempt 1, crashes 0`).toSorted());
      expect(stage.wrong()).toEqual([]);
    },
  );
});
