import type { Delivery } from '../../message/delivery.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, LEASE_MS, SUBSCRIPTION } from '../law-bench.js';
import {
  BLOCKS_KEY,
  BY_KEY,
  drainNamed,
  ensureOrder,
  mustCount,
  nameOf,
  openOrdered,
  publishNamed,
  openEnsured,
  takeNamed,
} from '../law-order.js';
import { ProcessView } from '../process-view.js';

const KEYS = 'abcdefghijklmnop'.split('');
type One = readonly [Delivery];

const refusesOrder = async (bench: LawBench): Promise<void> => {
  const refused = await ensureOrder(bench).then(() => undefined, codeOf);
  mustEqual(refused, 'unsupported', 'the answer');
};

/** E at the seam: whose turn it is, and when it is over. */
export const ORDER_LAWS: readonly Law[] = [
  {
    id: 'E2',
    title: 'of a key one message is handed out, and the next one when that is acknowledged',
    proves: ['order'],
    gate: BY_KEY,
    refuses: refusesOrder,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await publishNamed(bench, 'a1', 'a2', 'b1', '-1', '-2', 'a3');
      const [a1, b1, ...others] = await takeNamed(bench, receiver, 'a1', 'b1', '-1', '-2');
      await mustCount(bench, { ready: 0, held: 2, inflight: 4 });
      const isExact = bench.capabilities.depth === 'exact';
      if (isExact) mustEqual((await bench.browse('held')).map(nameOf), ['a2', 'a3'], 'what is held');
      await bench.silence(receiver, LEASE_MS / 3);
      await bench.ack(receiver, a1 as Delivery, b1 as Delivery, ...others);
      mustEqual(await drainNamed(bench, receiver, 2), ['a2', 'a3'], 'what comes then');
    },
  },
  {
    id: 'E3',
    title: 'as many keys are handled at once as there are',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      const names = KEYS.flatMap((key) => [`${key}1`, `${key}2`]);
      await publishNamed(bench, ...names);
      const first = await bench.take(receiver, KEYS.length);
      mustEqual(
        first.map(nameOf).toSorted(),
        KEYS.map((key) => `${key}1`),
        'what is in flight at once',
      );
      await bench.ack(receiver, ...first);
      await bench.ack(receiver, ...(await bench.take(receiver, KEYS.length)));
    },
  },
  {
    id: 'E4',
    title: 'a key waits for a message that failed, and the other keys do not',
    proves: ['onRetry'],
    gate: BLOCKS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await publishNamed(bench, 'a1', 'a2', 'b1', 'b2');
      const [a1, b1] = (await takeNamed(bench, receiver, 'a1', 'b1')) as [Delivery, Delivery];
      const failure = bench.failure(1);
      await bench.settle(receiver, { kind: 'retry', delivery: a1, delayMs: 0, failure });
      await bench.ack(receiver, b1);
      const again = await takeNamed(bench, receiver, 'a1', 'b2');
      mustEqual(
        again.map(({ attempt }) => attempt),
        [2, 1],
        'the attempts',
      );
      await bench.ack(receiver, ...again);
      mustEqual(await drainNamed(bench, receiver, 1), ['a2'], 'what comes when it has succeeded');
    },
  },
  {
    id: 'E5',
    title: 'a key waits as long as the retry of its message does',
    proves: ['onRetry'],
    gate: BLOCKS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await publishNamed(bench, 'a1', 'a2');
      const [a1] = (await takeNamed(bench, receiver, 'a1')) as One;
      await bench.settle(receiver, { kind: 'retry', delivery: a1, delayMs: 600, failure: bench.failure(1) });
      await publishNamed(bench, 'a3');
      await bench.silence(receiver, 300);
      await mustCount(bench, { held: 2 });
      mustEqual(await drainNamed(bench, receiver, 3), ['a1', 'a2', 'a3'], 'the order');
    },
  },
  {
    id: 'E5a',
    title: 'where a retry may break the order, the key goes on without the failed message',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench, { onRetry: 'breaks', onDead: 'skip' });
      await publishNamed(bench, 'a1', 'a2', 'a3');
      const [a1] = (await takeNamed(bench, receiver, 'a1')) as One;
      await bench.settle(receiver, { kind: 'retry', delivery: a1, delayMs: 600, failure: bench.failure(1) });
      mustEqual(await drainNamed(bench, receiver, 3), ['a2', 'a3', 'a1'], 'the order');
    },
  },
  {
    id: 'E5b',
    title: 'what is given back keeps the turn of its key',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await publishNamed(bench, 'a1', 'a2');
      for (const delayMs of [undefined, 300]) {
        const [a1] = (await takeNamed(bench, receiver, 'a1')) as One;
        await bench.settle(receiver, { kind: 'release', delivery: a1, ...(delayMs && { delayMs }) });
      }
      mustEqual(await drainNamed(bench, receiver, 2), ['a1', 'a2'], 'the order');
    },
  },
  {
    id: 'E7',
    title: 'what a dead process held comes again before the others of its key',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      const doomed = new ProcessView(bench.backend);
      const dying = await openOrdered(bench, {}, doomed);
      await publishNamed(bench, 'a1', 'a2', 'b1');
      await takeNamed(bench, dying, 'a1', 'b1');
      doomed.kill();
      const receiver = await openOrdered(bench);
      await bench.silence(receiver, LEASE_MS / 2);
      const again = await takeNamed(bench, receiver, 'a1', 'b1');
      mustEqual(
        again.map(({ crashes }) => crashes),
        [1, 1],
        'the crashes',
      );
      await bench.ack(receiver, ...again);
      mustEqual(await drainNamed(bench, receiver, 1), ['a2'], 'what comes after it');
    },
  },
  {
    id: 'E13',
    title: 'a consumer that lost its lease cannot end the turn of its key',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const [slow, other] = [await openEnsured(bench), await openOrdered(bench)];
      await publishNamed(bench, 'a1', 'a2');
      const [stale] = (await takeNamed(bench, slow, 'a1')) as One;
      const [fresh] = (await takeNamed(bench, other, 'a1')) as One;
      mustEqual(await bench.settle(slow, { kind: 'ack', delivery: stale }), ['lost'], 'the late answer');
      await mustCount(bench, { held: 1 });
      await bench.ack(other, fresh);
      mustEqual(await drainNamed(bench, other, 1), ['a2'], 'what comes then');
    },
  },
  {
    id: 'E5c',
    title: 'a message that is published for later keeps its place, and its key waits',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      if (bench.capabilities.delay.publish === false) return;
      const receiver = await openEnsured(bench);
      await bench.publish(bench.message({ key: 'a', body: 'a1', delayMs: 400 }));
      await publishNamed(bench, 'a2', 'b1');
      mustEqual(await drainNamed(bench, receiver, 3), ['b1', 'a1', 'a2'], 'the order');
    },
  },
  {
    id: 'E5d',
    title: 'a message that expires, or is purged, gives its turn to the next one',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await bench.publish(bench.message({ key: 'a', body: 'a1', ttlMs: 200 }));
      await bench.publish(bench.message({ key: 'a', body: 'a2', ttlMs: 200 }));
      await publishNamed(bench, 'a3', 'a4', 'b1', 'b2');
      await bench.time.pass(200 + bench.time.slackMs);
      const [b1, a3] = (await takeNamed(bench, receiver, 'b1', 'a3')) as [Delivery, Delivery];
      await bench.settle(receiver, { kind: 'release', delivery: a3 });
      await bench.ack(receiver, b1);
      if (bench.capabilities.depth !== 'exact') {
        const names = await drainNamed(bench, receiver, 3);
        return mustEqual(names.toSorted(), ['a3', 'a4', 'b2'], 'what comes then');
      }
      const [found] = await bench.inspect({ kind: 'purge', subscription: SUBSCRIPTION, state: 'ready' });
      mustEqual(found?.kind === 'purged' && found.count, 2, 'what was purged');
      mustEqual(await drainNamed(bench, receiver, 1), ['a4'], 'what comes then');
    },
  },
  {
    id: 'E10',
    title: 'a hot key does not keep the others from their turns',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      const hot = Array.from({ length: 90 }, (_, at) => `a${at}`);
      await publishNamed(bench, ...hot, 'b1', 'c1', 'd1');
      await bench.time.pass(2); // the place in line is a time in whole ms on some backends
      const names = await drainNamed(bench, receiver, 93);
      const last = Math.max(...['b1', 'c1', 'd1'].map((name) => names.indexOf(name)));
      must(last < 10, `the last one of another key came after ${last} of the hot key`);
      mustEqual(
        names.filter((name) => name.startsWith('a')),
        hot,
        'the order of the hot key',
      );
    },
  },
];
