import type { Delay } from '../../backend/capabilities.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';

const DELAYS_MS = [200, 500, 1_000];

const DELAYED_PUBLISH: Gate = { needs: 'delayed publishes', met: ({ delay }) => delay.publish !== false };
const DELAYED_RETRY: Gate = { needs: 'delayed retries', met: ({ delay }) => delay.retry !== false };

const refusesDelay: Law['does'] = async (bench) => {
  const [result] = await bench.tryPublish(bench.message({ delayMs: 100 }));
  mustEqual(result?.status === 'refused' && codeOf(result.error), 'unsupported', 'the answer');
};

/** C: what comes later, comes when it should. */
export const DELAY_LAWS: readonly Law[] = [
  {
    id: 'C1',
    title: 'a retry comes never before its time, and not much later',
    proves: ['delay'],
    gate: DELAYED_RETRY,
    does: async (bench) => {
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      let delivery = await bench.takeOne(receiver);
      for (const [at, delayMs] of DELAYS_MS.entries()) {
        const askedAt = bench.time.clock.mono();
        const failure = bench.failure(at + 1);
        mustEqual(
          await bench.settle(receiver, { kind: 'retry', delivery, delayMs, failure }),
          ['ok'],
          'the answer',
        );
        delivery = await bench.takeOne(receiver);
        checkDue(bench, { askedAt, delayMs, allowed: bench.capabilities.delay.retry });
        mustEqual([delivery.attempt, delivery.crashes], [at + 2, 0], 'attempt and crashes');
        mustEqual(delivery.failures.length, at + 1, 'the failures it carries');
      }
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'C1a',
    title: 'a delayed publish comes never before its time, and not much later',
    proves: ['delay'],
    gate: DELAYED_PUBLISH,
    refuses: refusesDelay,
    does: async (bench) => {
      const receiver = await bench.receiver();
      for (const delayMs of DELAYS_MS) {
        const askedAt = bench.time.clock.mono();
        await bench.publish(bench.message({ delayMs }));
        const delivery = await bench.takeOne(receiver);
        checkDue(bench, { askedAt, delayMs, allowed: bench.capabilities.delay.publish });
        await bench.ack(receiver, delivery);
      }
    },
  },
  {
    id: 'C3',
    title: 'a delayed message does not hold up those behind it',
    proves: ['delay'],
    gate: DELAYED_PUBLISH,
    refuses: refusesDelay,
    does: async (bench) => {
      const [late, ...prompt] = await bench.publish(bench.message({ delayMs: 900 }), ...bench.messages(2));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 2, 600);
      mustEqual(
        deliveries.map(({ id }) => id),
        prompt,
        'what came first',
      );
      await bench.ack(receiver, ...deliveries);
      const last = await bench.takeOne(receiver);
      mustEqual(last.id, late, 'what came last');
      await bench.ack(receiver, last);
    },
  },
  {
    id: 'C4',
    title: 'the shorter of two delays ends first, whichever began first',
    proves: ['delay'],
    gate: DELAYED_PUBLISH,
    refuses: refusesDelay,
    does: async (bench) => {
      const [late, soon] = await bench.publish(
        bench.message({ delayMs: 900 }),
        bench.message({ delayMs: 200 }),
      );
      const receiver = await bench.receiver();
      for (const expected of [soon, late]) {
        const delivery = await bench.takeOne(receiver);
        mustEqual(delivery.id, expected, 'the next one');
        await bench.ack(receiver, delivery);
      }
    },
  },
  {
    id: 'C5',
    title: 'a thousand delayed messages do not keep new work from flowing',
    proves: ['delay'],
    gate: DELAYED_PUBLISH,
    refuses: refusesDelay,
    does: async (bench) => {
      const isCounted = bench.capabilities.depth === 'exact';
      const delayed = bench.messages(1_000, { delayMs: isCounted ? 3_600_000 : 6_000 });
      await bench.publish(...delayed);
      const [id] = await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver, 1_000);
      mustEqual(delivery.id, id, 'the new work');
      await bench.ack(receiver, delivery);
      if (!isCounted) {
        // They cannot be counted or purged there: they are waited for.
        await bench.ack(receiver, ...(await bench.take(receiver, delayed.length)));
        return;
      }
      mustEqual((await bench.depth()).delayed, 1_000, 'what is still delayed');
      const purged = await bench.inspect({ kind: 'purge', subscription: SUBSCRIPTION, state: 'delayed' });
      mustEqual(purged, [{ kind: 'purged', count: 1_000 }], 'the purge');
    },
  },
  {
    id: 'C6',
    title: 'a delay outlives the consumer that asked for it, and a restart, and is not cut short',
    proves: ['delay'],
    gate: DELAYED_RETRY,
    does: async (bench) => {
      await bench.publish(bench.message());
      const first = await bench.receiver();
      const delivery = await bench.takeOne(first);
      const askedAt = bench.time.clock.mono();
      await bench.settle(first, { kind: 'retry', delivery, delayMs: 700, failure: bench.failure(1) });
      await first.close();
      if (bench.capabilities.durable !== 'process') await bench.reconnect();
      const second = await bench.receiver();
      const again = await bench.takeOne(second);
      checkDue(bench, { askedAt, delayMs: 700, allowed: bench.capabilities.delay.retry });
      mustEqual([again.attempt, again.failures.length], [2, 1], 'attempt and failures');
      await bench.ack(second, again);
    },
  },
  {
    id: 'C8',
    title: 'when one of three subscriptions fails, the other two see the message once',
    proves: ['fanout'],
    gate: { needs: 'named fan-out', met: ({ fanout }) => fanout === 'named' },
    does: async (bench) => {
      await bench.ensure({ 'laws.b': [TOPIC], 'laws.c': [TOPIC] });
      await bench.publish(bench.message());
      const failing = await bench.receiver();
      const delivery = await bench.takeOne(failing);
      await bench.settle(failing, { kind: 'retry', delivery, delayMs: 0, failure: bench.failure(1) });
      for (const name of ['laws.b', 'laws.c']) {
        const receiver = await bench.receiver(name);
        const copy = await bench.takeOne(receiver);
        mustEqual(copy.attempt, 1, `the attempt of ${name}`);
        await bench.ack(receiver, copy);
        await bench.silence(receiver, 50);
      }
      const again = await bench.takeOne(failing);
      mustEqual(again.attempt, 2, 'the attempt of the failing one');
      await bench.ack(failing, again);
    },
  },
];

function checkDue(bench: LawBench, due: { askedAt: number; delayMs: number; allowed: Delay }): void {
  const tookMs = bench.time.clock.mono() - due.askedAt;
  const resolutionMs = due.allowed === false ? 0 : due.allowed.resolutionMs;
  must(tookMs >= due.delayMs, `it came after ${tookMs} ms, ${due.delayMs - tookMs} ms early`);
  const lateMs = tookMs - due.delayMs;
  must(lateMs <= resolutionMs + bench.time.latestMs, `it came ${lateMs} ms late`);
}
