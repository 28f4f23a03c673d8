import { codeOf, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { openBus } from '../law-consumer.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';

const CANCEL: Gate = { needs: 'delayed publishes that can be cancelled', met: ({ cancel }) => cancel };

const refusesCancel: Law['does'] = async (bench) => {
  const answer = await bench.inspect({ kind: 'cancel', id: 'laws' }).then(() => 'done', codeOf);
  mustEqual(answer, 'unsupported', 'the answer');
};

/** C11: what was published for later can be taken back. */
export const CANCEL_LAWS: readonly Law[] = [
  {
    id: 'C11',
    title: 'a delayed publish that was cancelled never comes, in no subscription, and others are not touched',
    proves: ['cancel'],
    gate: CANCEL,
    refuses: refusesCancel,
    does: async (bench) => {
      await bench.ensure({ 'laws.other': [TOPIC] });
      const bus = openBus(bench);
      const [first, second] = [1, 2].map(() => bench.message().id);
      await bus.publish(TOPIC, 1, { id: first as string, delay: 1_000 });
      await bus.publish(TOPIC, 2, { id: second as string, delay: 1_000 });
      mustEqual(await bus.cancel(first as string), 2, 'how many copies were cancelled');
      mustEqual(await bus.cancel(first as string), 0, 'how many the second time');
      await bench.time.pass(1_000 + 100);
      for (const name of [SUBSCRIPTION, 'laws.other']) {
        const receiver = await bench.receiver(name);
        const delivery = await bench.takeOne(receiver);
        mustEqual(delivery.id, second, 'what comes');
        await bench.ack(receiver, delivery);
        await bench.silence(receiver, 100);
      }
    },
  },
  {
    id: 'C11a',
    title: 'what is due, in flight or waiting for a retry is not cancelled',
    proves: ['cancel'],
    gate: CANCEL,
    refuses: refusesCancel,
    does: async (bench) => {
      const [due] = await bench.publish(bench.message({ delayMs: 100 }));
      await bench.time.pass(100 + 2 * bench.time.slackMs);
      mustEqual(await cancelled(bench, due as string), 0, 'how many were cancelled when it was due');
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      mustEqual(await cancelled(bench, due as string), 0, 'how many while it was in flight');
      await bench.settle(receiver, { kind: 'retry', delivery, delayMs: 500, failure: bench.failure(1) });
      mustEqual(await cancelled(bench, due as string), 0, 'how many while it waited for its retry');
      const again = await bench.takeOne(receiver);
      await bench.settle(receiver, { kind: 'release', delivery: again, delayMs: 300 });
      mustEqual(await cancelled(bench, due as string), 0, 'how many while it was given back');
      await bench.ack(receiver, await bench.takeOne(receiver));
    },
  },
  {
    id: 'C11b',
    title: 'a cancelled id can be published again, within its window of deduplication too',
    proves: ['cancel'],
    gate: {
      needs: 'deduplication, and delayed publishes that can be cancelled',
      met: ({ cancel, dedup }) => cancel && dedup !== false,
    },
    does: async (bench) => {
      const message = bench.message({ delayMs: 1_000, dedup: { id: undefined, windowMs: 60_000 } });
      await bench.publish(message);
      mustEqual(await cancelled(bench, message.id), 1, 'how many copies were cancelled');
      const results = await bench.tryPublish({ ...message, delayMs: undefined });
      mustEqual(results, [{ status: 'stored', copies: 1 }], 'the answer to the second publish');
      const receiver = await bench.receiver();
      await bench.ack(receiver, await bench.takeOne(receiver));
      await bench.silence(receiver, 1_100);
    },
  },
  {
    id: 'C11c',
    title: 'a cancelled message is not retained for a late subscription',
    proves: ['cancel'],
    gate: {
      needs: 'topics that retain, and delayed publishes that can be cancelled',
      met: ({ cancel, log }) => cancel && log !== false,
    },
    does: async (bench) => {
      const topics = [{ name: TOPIC, retain: { forMs: 60_000 } }];
      await bench.backend.ensure({ topics, subscriptions: [] }, 'create');
      const [planned, other] = await bench.publish(...bench.messages(2, { delayMs: 500 }));
      mustEqual(await cancelled(bench, planned as string), 1, 'how many copies were cancelled');
      const late = { name: 'laws.late', topics: [TOPIC], start: 'earliest' } as const;
      await bench.backend.ensure({ subscriptions: [late] }, 'create');
      for (const name of [SUBSCRIPTION, 'laws.late']) {
        const receiver = await bench.receiver(name);
        const delivery = await bench.takeOne(receiver);
        mustEqual(delivery.id, other, 'what comes');
        await bench.ack(receiver, delivery);
      }
    },
  },
];

async function cancelled(bench: LawBench, id: string): Promise<number> {
  const found = await bench.inspect({ kind: 'cancel', id });
  return found.reduce((sum, item) => sum + (item.kind === 'purged' ? item.count : 0), 0);
}
