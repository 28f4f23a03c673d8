import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';
import { consume, Latch } from '../law-consumer.js';
import { ProcessView } from '../process-view.js';

/** B with a consumer that was told to repeat nothing. */
export const DELIVERY_LAWS: readonly Law[] = [
  {
    id: 'B4a',
    title: 'at most once: what a crash interrupts, or a handler fails at, never comes again',
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const latch = new Latch();
      const policies = { delivery: 'at-most-once', concurrency: 2, prefetch: 0 } as const;
      const first = await consume(bench, {
        process,
        policies,
        retry: { attempts: 1 },
        handle: ({ id }) =>
          id === failing ? latch.pass().then(() => Promise.reject(new Error())) : latch.pass(),
      });
      const [hanging, failing] = await bench.publish(...bench.messages(2));
      await bench.time.until(() => first.starts.length === 2, 1_000);
      const { inflight } = await bench.depth();
      must(inflight === 0, `${inflight} are in flight while their handlers run`);
      process.kill();
      latch.open();
      const heir = await consume(bench, { policies, retry: { attempts: 1 }, handle: () => undefined });
      await bench.time.pass(3 * LEASE_MS);
      mustEqual(heir.starts, [], 'what came again');
      mustEqual(new Set(first.starts), new Set([hanging, failing]), 'what was started');
    },
  },
];
