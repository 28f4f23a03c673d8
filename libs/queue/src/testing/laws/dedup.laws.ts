import type { PublishResult } from '../../backend/backend.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';

const DEDUP: Gate = { needs: 'deduplication', met: ({ dedup }) => dedup !== false };
const WINDOW_MS = 5_000;
const ONCE = { id: undefined, windowMs: WINDOW_MS };

const refusesDedup: Law['does'] = async (bench) => {
  const [result] = await bench.tryPublish(bench.message({ dedup: ONCE }));
  mustEqual(result?.status === 'refused' && codeOf(result.error), 'unsupported', 'the answer');
};

/** J1, J2: a message that is published again is stored once. */
export const DEDUP_LAWS: readonly Law[] = [
  {
    id: 'J1',
    title: 'the same id is stored once within the window, and again after it',
    proves: ['dedup'],
    gate: DEDUP,
    refuses: refusesDedup,
    does: async (bench) => {
      const message = bench.message({ dedup: ONCE });
      mustEqual(await said(bench, message), 'stored', 'the answer to the first');
      await bench.time.pass(WINDOW_MS / 2);
      const others = [
        bench.message({ dedup: { ...ONCE, id: message.id } }),
        bench.message({ id: message.id, topic: 'laws.second', dedup: ONCE }),
      ];
      await bench.ensure({ [SUBSCRIPTION]: ['laws.second'] });
      const results = await bench.tryPublish(message, message, ...others);
      mustEqual(
        results.map(told),
        ['duplicate', 'duplicate', 'duplicate', 'stored'],
        'the answers within it',
      );
      await takeAll(bench, 2);
      await bench.time.pass(WINDOW_MS / 2 + bench.time.slackMs);
      mustEqual(await said(bench, message), 'stored', 'the answer after it');
      await takeAll(bench, 1);
    },
  },
  {
    id: 'J1a',
    title: 'of many at once, over several connections, one is stored',
    proves: ['dedup'],
    gate: DEDUP,
    refuses: refusesDedup,
    does: async (bench) => {
      const message = bench.message({ dedup: ONCE });
      const connections = await Promise.all([1, 2, 3].map(() => bench.connect()));
      const answers = await Promise.all(
        connections.flatMap((backend) => [1, 2, 3].map(() => backend.publish([message, message]))),
      );
      const stored = answers.flat().filter((result) => told(result) === 'stored');
      mustEqual(stored.length, 1, 'how many were stored');
      await takeAll(bench, 1);
    },
  },
  {
    id: 'J1b',
    title: 'what was refused is not remembered',
    proves: ['dedup'],
    gate: DEDUP,
    refuses: refusesDedup,
    does: async (bench) => {
      const lost = bench.message({ topic: 'laws.later', dedup: ONCE });
      const results = await bench.tryPublish(lost);
      must(results[0]?.status === 'refused', 'a message that nobody would get must be refused');
      await bench.ensure({ [SUBSCRIPTION]: ['laws.later'] });
      mustEqual(await said(bench, lost), 'stored', 'the answer to the second try');
      await takeAll(bench, 1);
    },
  },
  {
    id: 'J1c',
    title: 'what was stored once is known after a restart',
    proves: ['dedup'],
    gate: {
      needs: 'deduplication that outlives the process',
      met: ({ dedup, durable }) => dedup !== false && durable !== 'process',
    },
    does: async (bench) => {
      const message = bench.message({ dedup: ONCE });
      await bench.publish(message);
      await bench.reconnect();
      mustEqual(await said(bench, message), 'duplicate', 'the answer after the restart');
      await takeAll(bench, 1);
    },
  },
  {
    id: 'J2',
    title: 'neither a retry nor a replay is taken for a repeated publish',
    proves: ['dedup'],
    gate: DEDUP,
    refuses: refusesDedup,
    does: async (bench) => {
      const message = bench.message({ dedup: ONCE });
      await bench.publish(message);
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await bench.settle(receiver, { kind: 'retry', delivery, delayMs: 10, failure: bench.failure(1) });
      const again = await bench.takeOne(receiver);
      mustEqual([again.id, again.attempt], [message.id, 2], 'the retry');
      await bench.settle(receiver, { kind: 'dead', delivery: again, failure: bench.failure(2) });
      mustEqual(await said(bench, { ...message, to: SUBSCRIPTION }), 'stored', 'the answer to the replay');
      const replayed = await bench.takeOne(receiver);
      mustEqual(replayed.id, message.id, 'what was replayed');
      await bench.ack(receiver, replayed);
    },
  },
];

async function said(bench: LawBench, message: ReturnType<LawBench['message']>): Promise<string> {
  const [result] = await bench.tryPublish(message);
  return told(result);
}

function told(result: PublishResult | undefined): string {
  return result?.status === 'stored' && result.duplicate ? 'duplicate' : String(result?.status);
}

/** Exactly so many are there. */
async function takeAll(bench: LawBench, count: number): Promise<void> {
  mustEqual((await bench.depth()).ready, count, 'what is ready');
  const receiver = await bench.receiver();
  await bench.ack(receiver, ...(await bench.take(receiver, count)));
}
