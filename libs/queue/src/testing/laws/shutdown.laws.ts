import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';
import { consume, drain, Latch } from '../law-consumer.js';

/** H with a consumer on top: stopping loses nothing and counts nothing. */
export const SHUTDOWN_LAWS: readonly Law[] = [
  {
    id: 'H6',
    title: 'stopping lets running handlers end and settle, and gives the rest back uncounted',
    does: async (bench) => {
      const latch = new Latch();
      const running = await consume(bench, {
        handle: () => latch.pass(),
        policies: { concurrency: 2, prefetch: 4 },
      });
      await bench.publish(...bench.messages(10));
      await bench.time.until(() => running.starts.length === 2, 1_000);
      const stops = [running.consumer.drain(5_000), running.consumer.drain(5_000)];
      await bench.time.pass(50);
      mustEqual((await bench.depth()).inflight, 2, 'what is in flight while it stops');
      latch.open();
      await drain(bench, running);
      await Promise.all(stops);
      mustEqual(running.settled.filter((kind) => kind === 'ack').length, 2, 'what was finished');
      mustEqual(running.starts.length, 2, 'the handler starts');
      const heir = await bench.receiver();
      const rest = await bench.take(heir, 8, LEASE_MS / 2);
      mustEqual(new Set(rest.map(({ attempt }) => attempt)), new Set([1]), 'the attempts of the rest');
      await bench.ack(heir, ...rest);
    },
  },
  {
    id: 'H7',
    title: 'at the deadline running handlers are told to stop, and their messages go back uncounted',
    does: async (bench) => {
      let reason: unknown;
      const handle = async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        throw reason as Error;
      };
      const running = await consume(bench, { handle });
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      const askedAt = bench.time.clock.mono();
      await drain(bench, running, 1_000);
      const tookMs = bench.time.clock.mono() - askedAt;
      must(tookMs <= 1_000 + bench.time.latestMs, `it took ${tookMs} ms of 1000`);
      mustEqual(codeOf(reason), 'shutdown', 'the reason');
      const heir = await bench.receiver();
      const again = await bench.takeOne(heir, LEASE_MS / 2);
      mustEqual(again.attempt, 1, 'the attempt');
      await bench.ack(heir, again);
    },
  },
  {
    id: 'H8',
    title: 'a handler may stop its own consumer, and its message is settled',
    does: async (bench) => {
      const running = await consume(bench, { handle: () => void running.consumer.drain(1_000) });
      await bench.publish(bench.message());
      await bench.time.until(() => running.consumer.status().state === 'stopped', 3_000);
      mustEqual(running.settled, ['ack'], 'the settlements');
    },
  },
  {
    id: 'H9',
    title: 'twenty starts and stops lose nothing and leave nobody behind',
    does: async (bench) => {
      const starts: string[] = [];
      for (let round = 0; round < 20; round++) {
        const running = await consume(bench, { handle: ({ id }) => starts.push(id) });
        await bench.publish(bench.message());
        await bench.time.until(() => running.settled.length >= 1, 2_000);
        await drain(bench, running);
        mustEqual(running.consumer.status().state, 'stopped', 'the state');
      }
      mustEqual(new Set(starts).size, 20, 'what was handled');
    },
  },
];
