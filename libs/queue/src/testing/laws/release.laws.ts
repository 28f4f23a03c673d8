import type { Delivery } from '../../message/delivery.js';
import { must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';

const UNCOUNTED: Gate = { needs: 'uncounted releases', met: ({ uncountedRelease }) => uncountedRelease };

/** B: what is given back costs nothing and keeps its place. */
export const RELEASE_LAWS: readonly Law[] = [
  {
    id: 'B9',
    title: 'a release gives the message to others at once and counts nothing',
    proves: ['uncountedRelease'],
    gate: UNCOUNTED,
    does: async (bench) => {
      await bench.publish(bench.message());
      const [one, other] = [await bench.receiver(), await bench.receiver()];
      let delivery = await bench.takeOne(one);
      for (const [holder, waiter] of [
        [one, other],
        [other, one],
      ] as const) {
        const next = bench.takeOne(waiter, LEASE_MS / 2);
        mustEqual(await bench.settle(holder, { kind: 'release', delivery }), ['ok'], 'the answer');
        delivery = await next;
        mustEqual([delivery.attempt, delivery.crashes], [1, 0], 'attempt and crashes');
      }
      await bench.ack(one, delivery);
    },
  },
  {
    id: 'B9a',
    title: 'a release for later comes later, and counts nothing',
    proves: ['uncountedRelease'],
    gate: UNCOUNTED,
    does: async (bench) => {
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      const askedAt = bench.time.clock.mono();
      mustEqual(
        await bench.settle(receiver, { kind: 'release', delivery, delayMs: 300 }),
        ['ok'],
        'the answer',
      );
      const again = await bench.takeOne(receiver);
      must(bench.time.clock.mono() - askedAt >= 300, 'it came early');
      mustEqual(again.attempt, 1, 'the attempt');
      await bench.ack(receiver, again);
    },
  },
  {
    id: 'B9b',
    title: 'a batch that is given back stands before what came after it',
    proves: ['uncountedRelease'],
    gate: {
      needs: 'uncounted releases, and an order to come back to',
      met: ({ uncountedRelease, order }) => uncountedRelease && order !== 'none',
    },
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(4));
      const receiver = await bench.receiver();
      const [a, b] = (await bench.take(receiver, 2)) as [Delivery, Delivery];
      await bench.settle(receiver, { kind: 'release', delivery: b }, { kind: 'release', delivery: a });
      const again = await bench.take(receiver, 4);
      mustEqual(
        again.map(({ id }) => id),
        ids,
        'the order',
      );
      await bench.ack(receiver, ...again);
    },
  },
];
