import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { consume, drain, Latch } from '../law-consumer.js';

const LATE_MS = 5_000;

/** H: limits that a consumer keeps although it has slots. */
export const LIMIT_LAWS: readonly Law[] = [
  {
    id: 'H10a',
    title: 'with a rate no span sees more starts, and what has to wait stays on the broker',
    does: async (bench) => {
      const startedAt: number[] = [];
      const running = await consume(bench, {
        handle: () => void startedAt.push(bench.time.clock.mono()),
        policies: { rate: { max: 5, perMs: 400 } },
      });
      await bench.publish(...bench.messages(12));
      await bench.time.until(() => running.starts.length === 5, LATE_MS);
      const { ready, inflight } = await bench.depth();
      must(ready >= 7 && inflight <= 5, `${ready} are ready and ${inflight} in flight, 7 have to wait`);
      await bench.time.until(() => running.settled.length === 12, LATE_MS);
      for (const [at, from] of startedAt.entries()) {
        const sixth = startedAt[at + 5];
        if (sixth !== undefined) must(sixth - from >= 400, `6 starts came within ${sixth - from} ms`);
      }
    },
  },
  {
    id: 'H10b',
    title:
      'an open circuit takes nothing and makes no dead letters; half-open it tries one, and closes again',
    does: async (bench) => {
      let down = true;
      const running = await consume(bench, {
        handle: () => {
          if (down) throw new RangeError('down');
        },
        policies: { concurrency: 1, prefetch: 0, circuit: { failures: 3, openMs: 1_000 } },
        retry: { attempts: 10 },
      });
      await bench.publish(...bench.messages(30));
      await bench.time.until(() => running.consumer.status().circuit === 'open', LATE_MS);
      mustEqual(running.starts.length, 3, 'starts until it opened');
      await bench.time.until(() => running.starts.length === 4, LATE_MS);
      await bench.time.until(() => running.consumer.status().circuit === 'open', LATE_MS);
      mustEqual(running.starts.length, 4, 'starts while it was half-open');
      down = false;
      await bench.time.until(() => running.settled.filter((kind) => kind === 'ack').length === 30, LATE_MS);
      mustEqual((await bench.depth()).dead, 0, 'dead letters');
    },
  },
  {
    id: 'H13',
    title: 'of consumers that are to be the only one, one handles, and the next one when that has stopped',
    gate: { needs: 'a store', met: (_capabilities, { remembers }) => remembers },
    does: async (bench) => {
      const single = { single: { leaseMs: 900 }, concurrency: 1, prefetch: 0 } as const;
      const latch = new Latch();
      const first = await consume(bench, { handle: () => latch.pass(), policies: single });
      const second = await consume(bench, { handle: () => {}, policies: single });
      await bench.publish(...bench.messages(6));
      await bench.time.until(() => first.starts.length + second.starts.length > 0, LATE_MS);
      await bench.time.pass(2_000);
      const [holder, other] = first.starts.length > 0 ? [first, second] : [second, first];
      mustEqual(other.starts.length, 0, 'what the other one handled');
      latch.open();
      await drain(bench, holder);
      await bench.time.until(() => first.settled.length + second.settled.length >= 6, LATE_MS);
      must(other.starts.length > 0 || holder.settled.length === 6, 'the other one must have taken over');
    },
    refuses: async (bench) => {
      let code = 'nothing';
      try {
        await consume(bench, { handle: () => {}, policies: { single: { leaseMs: 900 } } });
      } catch (error) {
        code = codeOf(error);
      }
      mustEqual(code, 'missing_store', 'the answer');
    },
  },
];
