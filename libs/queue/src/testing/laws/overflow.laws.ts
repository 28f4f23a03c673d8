import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { BOUND, bounded, BOUNDS, emptied, FULL, refusal, refusesBounds } from './bounded.js';

/** A10: what a bounded subscription does with what it passes on. */
export const OVERFLOW_LAWS: readonly Law[] = [
  {
    id: 'A10e',
    title: 'what overflows goes to the subscriptions of another topic, once, and says where it was published',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'overflow', topic: 'laws.spill' });
      await bench.ensure({ 'laws.spilled': ['laws.spill'], [SUBSCRIPTION]: ['laws.spill'] });
      await bench.publish(...bench.messages(BOUND));
      const over = bench.message({ headers: { own: 'header' } });
      const [result] = await bench.tryPublish(over);
      must(result?.status === 'stored', 'it must be stored');
      mustEqual(result.copies, 2, 'the copies');
      mustEqual(
        result.pressure?.overflowed,
        [{ subscription: FULL, topic: 'laws.spill' }],
        'what overflowed',
      );
      const receiver = await bench.receiver('laws.spilled');
      const delivery = await bench.takeOne(receiver);
      const { own, 'pp-overflow-from': from } = delivery.headers;
      mustEqual(
        [delivery.id, delivery.topic, own, from],
        [over.id, 'laws.spill', 'header', TOPIC],
        'the copy',
      );
      await bench.ack(receiver, delivery);
      await emptied(bench);
    },
  },
  {
    id: 'A10f',
    title: 'an overflow that nobody would get, or that is full itself, refuses the publish',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'overflow', topic: 'laws.spill' });
      await bench.publish(...bench.messages(BOUND));
      const unheard = await bench.tryPublish(bench.message());
      mustEqual(unheard.map(refusal), ['subscription_full'], 'the answer where nobody listens');
      const spilled = { name: 'laws.spilled', topics: ['laws.spill'] };
      const bounds = { maxMessages: 1, whenFull: { kind: 'drop-newest' } } as const;
      await bench.backend.ensure({ subscriptions: [{ ...spilled, bounds }] }, 'create');
      const results = await bench.tryPublish(...bench.messages(2));
      mustEqual(
        results.map(({ status }) => status),
        ['stored', 'refused'],
        'the answers where it is full too',
      );
      const receiver = await bench.receiver('laws.spilled');
      await bench.ack(receiver, await bench.takeOne(receiver));
      await emptied(bench);
    },
  },
];
