import { sleep } from '../../ambient/clock.js';
import type { Backend, Receiver } from '../../backend/backend.js';
import { AlteredBackend } from '../altered-backend.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';
import { consume, Latch } from '../law-consumer.js';
import { ProcessView } from '../process-view.js';

const WATCH_MS = 2_000;

/** The first receiver falls silent after its first message, the second one from the start; neither ends when it is told to. */
function wedging(inner: Backend): Backend {
  const seen: Receiver[] = [];
  let isSpent = false;
  return new AlteredBackend(inner, {
    receive: async (rightly, receiver) => {
      if (!seen.includes(receiver)) seen.push(receiver);
      const at = seen.indexOf(receiver);
      if (at === 1 || (at === 0 && isSpent)) return new Promise(() => undefined);
      const batch = await rightly();
      if (batch.length > 0) isSpent = true;
      return batch;
    },
  });
}

/** G with a consumer on top: leases are kept alive, and given up in time. */
export const RENEWAL_LAWS: readonly Law[] = [
  {
    id: 'B12',
    title: 'a settlement that fails is tried again, or the message comes again: never silence',
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const running = await consume(bench, { handle: () => undefined, process });
      process.settleFailure = process.gone('settle');
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      await bench.time.pass(120);
      mustEqual((await bench.depth()).inflight, 1, 'what is in flight while the broker fails');
      process.settleFailure = undefined;
      await bench.time.until(() => running.settled.includes('ack'), 4 * LEASE_MS);
    },
  },
  {
    id: 'G1',
    title: 'a handler that takes three leases runs once: its lease is renewed meanwhile',
    proves: ['lease'],
    does: async (bench) => {
      const [latch, other] = [new Latch(), await bench.receiver()];
      const running = await consume(bench, { handle: () => latch.pass() });
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      await bench.silence(other, 3 * LEASE_MS);
      latch.open();
      await bench.time.until(() => running.settled.length === 1, 1_000);
      mustEqual([running.starts.length, running.settled], [1, ['ack']], 'runs and settlements');
    },
  },
  {
    id: 'G3',
    title:
      'when leases cannot be renewed, the handler is told before anybody else can start, and its outcome is lost',
    proves: ['lease'],
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const abortedAt: number[] = [];
      const reasons: string[] = [];
      const running = await consume(bench, {
        process,
        handle: async ({ signal }) => {
          process.settleFailure = process.gone('settle');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          abortedAt.push(bench.time.clock.mono());
          reasons.push(codeOf(signal.reason));
        },
      });
      await bench.publish(bench.message());
      const startedAt = bench.time.clock.mono();
      await bench.time.until(() => abortedAt.length === 1, 3 * LEASE_MS);
      mustEqual(reasons, ['lease_lost'], 'the reason');
      const tookMs = (abortedAt[0] as number) - startedAt;
      must(tookMs < LEASE_MS + bench.time.slackMs, `it was told after ${tookMs} ms of ${LEASE_MS}`);
      process.kill();
      const heir = await bench.receiver();
      await bench.ack(heir, await bench.takeOne(heir, 3 * LEASE_MS));
      must(!running.settled.includes('ack'), 'the first must not have settled it');
    },
  },
  {
    id: 'G5',
    title: 'what waits behind slow handlers keeps its lease and runs once',
    proves: ['lease'],
    does: async (bench) => {
      const running = await consume(bench, {
        handle: () => sleep(bench.time.clock, LEASE_MS),
        policies: { concurrency: 1, prefetch: 10 },
      });
      const ids = await bench.publish(...bench.messages(4));
      await bench.time.until(() => running.settled.length === 4, 8 * LEASE_MS);
      mustEqual(
        [[...running.starts].sort(), running.settled],
        [[...ids].sort(), ['ack', 'ack', 'ack', 'ack']],
        'runs',
      );
    },
  },
  {
    id: 'G6',
    title:
      'a receiver that brings nothing although messages are ready is told of, and replaced until one works; what it handed out is settled',
    // Where counts leave out what a client has fetched, nobody can see that it keeps it.
    gate: { needs: 'exact counts of messages', met: ({ depth }) => depth === 'exact' },
    does: async (bench) => {
      const latch = new Latch();
      const running = await consume(bench, {
        process: wedging(bench.backend),
        watchMs: WATCH_MS,
        policies: { concurrency: 2, prefetch: 0 },
        handle: ({ id }) => (id === first ? latch.pass() : undefined),
      });
      const [first] = await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      await bench.publish(bench.message());
      await bench.time.until(() => running.consumer.status().wedgedForMs !== undefined, WATCH_MS);
      await bench.time.until(() => running.starts.length === 2, 3 * WATCH_MS);
      latch.open();
      await bench.time.until(() => running.settled.length === 2, 1_000);
      const { rebuilds, wedgedForMs } = running.consumer.status();
      mustEqual(
        [rebuilds, wedgedForMs],
        [2, undefined],
        'how often it was replaced, and that it is well again',
      );
      mustEqual(running.settled, ['ack', 'ack'], 'what became of the messages');
    },
  },
  {
    id: 'G9',
    title:
      'an event loop that stood still for two leases is noticed: its handler is told, and no effect is had twice',
    proves: ['lease'],
    alone: true,
    does: async (bench) => {
      const effects: string[] = [];
      let stalls = 1;
      const running = await consume(bench, {
        policies: { concurrency: 1, prefetch: 1 },
        handle: async ({ id, signal }) => {
          if (stalls-- > 0) bench.time.stall(2 * LEASE_MS);
          await sleep(bench.time.clock, 10);
          if (!signal.aborted) effects.push(id);
        },
      });
      const ids = await bench.publish(...bench.messages(2));
      await bench.time.until(
        () => running.settled.filter((kind) => kind === 'ack').length === 2,
        8 * LEASE_MS,
      );
      mustEqual(effects.length, 2, 'the number of effects');
      mustEqual(new Set(effects), new Set(ids), 'the effects');
      mustEqual(running.faults, ['keep its leases'], 'what was noticed');
    },
  },
];
