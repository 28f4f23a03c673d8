import { mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { drainNamed, publishNamed, nameOf } from '../law-order.js';
import { ProcessView } from '../process-view.js';

/** E where keys mean nothing: what a gate for the order of keys stands on. */
export const QUEUE_ORDER_LAWS: readonly Law[] = [
  {
    id: 'E14',
    title:
      'a queue with one receiver keeps its order: what comes back, from a dead process too, has its old place',
    proves: ['order'],
    gate: { needs: 'an order of the whole queue', met: ({ order }) => order === 'queue' },
    does: async (bench) => {
      const names = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'];
      const doomed = new ProcessView(bench.backend);
      const dying = await doomed.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: LEASE_MS });
      await publishNamed(bench, ...names);
      const taken = await bench.take(dying, 4);
      mustEqual(taken.map(nameOf), names.slice(0, 4), 'what comes first');
      const [, , a2] = taken;
      if (a2 !== undefined) await bench.settle(dying, { kind: 'release', delivery: a2 });
      mustEqual((await bench.take(dying, 1)).map(nameOf), ['a2'], 'what comes when it was given back');
      doomed.kill();
      await bench.time.pass(LEASE_MS + 2 * bench.time.slackMs);
      mustEqual(
        await drainNamed(bench, await bench.receiver(), 6),
        names,
        'what comes after the end of the leases',
      );
    },
  },
];
