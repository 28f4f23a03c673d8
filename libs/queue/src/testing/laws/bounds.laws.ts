import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';
import {
  BOUND,
  bounded,
  BOUNDS,
  emptied,
  FULL,
  held,
  marks,
  refusal,
  refusesBounds,
  takeSome,
} from './bounded.js';

/** A10: what a bounded subscription does when it is full. Its topic has another, unbounded subscription. */
export const BOUNDS_LAWS: readonly Law[] = [
  {
    id: 'A10a',
    title: 'a full subscription that rejects refuses whole publishes, and never holds more than its bound',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'reject' });
      const connections = await Promise.all([1, 2, 3].map(() => bench.connect()));
      const answers = await Promise.all(
        connections.flatMap((backend) => [1, 2].map(() => backend.publish([...bench.messages(2)]))),
      );
      const results = answers.flat();
      mustEqual(results.filter(({ status }) => status === 'stored').length, BOUND, 'how many were stored');
      const refused = results.filter(({ status }) => status === 'refused');
      mustEqual([...new Set(refused.map(refusal))], ['subscription_full'], 'the answers to the others');
      mustEqual(await held(bench), [BOUND, BOUND], 'what each of the two holds');
      await takeSome(bench, 2);
      const more = await bench.tryPublish(...bench.messages(4));
      mustEqual(
        more.map(({ status }) => status),
        ['stored', 'stored', 'refused', 'refused'],
        'the answers then',
      );
      await emptied(bench);
    },
  },
  {
    id: 'A10b',
    title: 'what is delayed or in flight takes room, and what is dead, expired or acknowledged takes none',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'reject' });
      const ttlMs = 200 + 4 * bench.time.slackMs;
      await bench.publish(bench.message({ delayMs: 60_000 }), ...bench.messages(3), bench.message({ ttlMs }));
      const receiver = await bench.receiver(FULL);
      const [first, second] = await bench.take(receiver, 2);
      must(first !== undefined && second !== undefined, 'two must come');
      mustEqual(
        refusal((await bench.tryPublish(bench.message()))[0]),
        'subscription_full',
        'the answer when full',
      );
      await bench.settle(receiver, { kind: 'dead', delivery: first, failure: bench.failure(1) });
      await bench.settle(receiver, {
        kind: 'retry',
        delivery: second,
        delayMs: 0,
        failure: bench.failure(1),
      });
      await bench.time.pass(ttlMs + bench.time.slackMs);
      const results = await bench.tryPublish(...bench.messages(3));
      mustEqual(
        results.map(({ status }) => status),
        ['stored', 'stored', 'refused'],
        'the answers',
      );
      await bench.inspect({ kind: 'purge', subscription: FULL, state: 'delayed' });
      await bench.inspect({ kind: 'purge', subscription: SUBSCRIPTION, state: 'delayed' });
      await emptied(bench);
    },
  },
  {
    id: 'A10c',
    title: 'a full subscription that drops the newest goes without it, and the others get it',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'drop-newest' });
      const ids = await bench.publish(...bench.messages(BOUND));
      const [result] = await bench.tryPublish(bench.message());
      mustEqual(marks(result), { copies: 1, dropped: [FULL], displaced: [] }, 'the answer');
      mustEqual(await held(bench), [BOUND, BOUND + 1], 'what each of the two holds');
      mustEqual(
        (await bench.browse('ready', FULL)).map(({ id }) => id),
        ids,
        'what it kept',
      );
      mustEqual((await bench.depth(FULL)).dropped, 1, 'the count of what was dropped');
      await emptied(bench);
    },
  },
  {
    id: 'A10d',
    title: 'a full subscription that drops the oldest loses one that is ready, or the new one when none is',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'drop-oldest' });
      const ids = await bench.publish(...bench.messages(BOUND));
      const results = await bench.tryPublish(...bench.messages(2));
      mustEqual(
        results.map(marks),
        Array(2).fill({ copies: 2, dropped: [], displaced: [FULL] }),
        'the answers',
      );
      const kept = (await bench.browse('ready', FULL)).map(({ id }) => id);
      mustEqual(
        [kept.length, kept.includes(ids[1] as string), kept[0]],
        [BOUND, false, ids[2]],
        'what it kept',
      );
      const receiver = await bench.receiver(FULL);
      const held = await bench.take(receiver, BOUND);
      const [result] = await bench.tryPublish(bench.message());
      mustEqual(marks(result), { copies: 1, dropped: [FULL], displaced: [] }, 'the answer with none ready');
      mustEqual((await bench.depth(FULL)).dropped, 3, 'the count of what was lost');
      await bench.ack(receiver, ...held);
      await emptied(bench);
    },
  },
  {
    id: 'A10g',
    title: 'a full subscription that throttles takes everything, and tells the publisher how fast to go on',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'throttle', perSecond: 20 });
      const results = await bench.tryPublish(...bench.messages(BOUND + 1));
      const speeds = results.map((result) => (result.status === 'stored' ? result.pressure?.perSecond : 0));
      mustEqual(speeds, [...Array<undefined>(BOUND).fill(undefined), 20], 'the speeds');
      mustEqual(await held(bench), [BOUND + 1, BOUND + 1], 'what each of the two holds');
      await emptied(bench);
    },
  },
  {
    id: 'A10h',
    title: 'a message for one subscription is refused when that is full, and never dropped',
    proves: ['bounds'],
    gate: { needs: 'bounds and lanes', met: ({ bounds, lane }) => bounds && lane },
    does: async (bench) => {
      await bounded(bench, { kind: 'drop-newest' });
      await bench.publish(...bench.messages(BOUND));
      const [result] = await bench.tryPublish(bench.message({ to: FULL }));
      mustEqual(refusal(result), 'subscription_full', 'the answer');
      await emptied(bench);
    },
  },
  {
    id: 'A10i',
    title: 'bounds are what was declared last, and a check tells where they differ',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'reject' });
      const declared = { name: FULL, topics: [TOPIC] };
      const wider = {
        ...declared,
        bounds: { maxMessages: BOUND + 1, whenFull: { kind: 'reject' } },
      } as const;
      const drift = await bench.backend.ensure({ subscriptions: [wider] }, 'check');
      mustEqual(
        drift.map(({ kind }) => kind),
        ['other-bounds'],
        'the drift',
      );
      mustEqual(
        await bench.backend.ensure({ subscriptions: [declared] }, 'create'),
        [],
        'the drift of no opinion',
      );
      mustEqual(
        await bench.backend.ensure({ subscriptions: [wider] }, 'create'),
        [],
        'the drift once created',
      );
      const results = await bench.tryPublish(...bench.messages(BOUND + 2));
      mustEqual(
        results.map(({ status }) => status).lastIndexOf('stored'),
        BOUND,
        'the last one that was stored',
      );
      await bench.backend.ensure({ subscriptions: [{ ...declared, bounds: false }] }, 'create');
      await bench.publish(bench.message());
      await emptied(bench);
    },
  },
];
