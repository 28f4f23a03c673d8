import { codeOf, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { LEASE_MS, type LawBench } from '../law-bench.js';
import type { Receiver } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';

const PRIORITIES: Gate = { needs: 'priorities', met: ({ priority }) => priority > 1 };

const refusesPriority: Law['does'] = async (bench) => {
  const [result] = await bench.tryPublish(bench.message({ priority: 1 }));
  mustEqual(result?.status === 'refused' && codeOf(result.error), 'unsupported', 'the answer');
};

/** H11: what is urgent is handed out first. */
export const PRIORITY_LAWS: readonly Law[] = [
  {
    id: 'H11',
    title: 'higher priorities overtake, and within one the first published comes first',
    proves: ['priority'],
    gate: PRIORITIES,
    refuses: refusesPriority,
    does: async (bench) => {
      for (const priority of [undefined, 9, 1, 0, 9, 5]) {
        await bench.publish(named(bench, priority));
        await bench.time.pass(2);
      }
      const receiver = await bench.receiver();
      mustEqual(await drained(bench, receiver), ['9', '9', '5', '1', '0', '0'], 'the order of priorities');
      const ids = await bench.publish(...bench.messages(20, { priority: 3 }));
      const came = await oneByOne(bench, receiver, ids.length);
      mustEqual(
        came.map(({ id }) => id),
        ids,
        'the order within one priority',
      );
    },
  },
  {
    id: 'H11a',
    title: 'a retry keeps its priority, and a release keeps priority and place',
    proves: ['priority'],
    gate: PRIORITIES,
    refuses: refusesPriority,
    does: async (bench) => {
      const [first, second] = await bench.publish(...bench.messages(2, { priority: 7 }));
      const [plain] = await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      mustEqual(delivery.id, first, 'the first one');
      await bench.settle(receiver, { kind: 'release', delivery });
      const again = await bench.takeOne(receiver);
      mustEqual(again.id, first, 'what comes after the release');
      await bench.time.pass(2); // the place in line is a time in whole ms on some backends
      await bench.settle(receiver, { kind: 'retry', delivery: again, delayMs: 0, failure: bench.failure(1) });
      const rest = await oneByOne(bench, receiver, 3);
      mustEqual(
        rest.map(({ id, attempt }) => [id, attempt]),
        [
          [second, 1],
          [first, 2],
          [plain, 1],
        ],
        'what comes after the retry',
      );
    },
  },
  {
    id: 'H11e',
    title: 'a delivery tells its priority, also after a retry',
    proves: ['priority'],
    gate: PRIORITIES,
    refuses: refusesPriority,
    does: async (bench) => {
      await bench.publish(bench.message({ priority: 7 }));
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await bench.settle(receiver, { kind: 'retry', delivery, delayMs: 0, failure: bench.failure(1) });
      const again = await bench.takeOne(receiver);
      mustEqual([delivery.priority, again.priority], [7, 7], 'the priority of both deliveries');
      await bench.ack(receiver, again);
    },
  },
  {
    id: 'H11b',
    title: 'what is urgent and not yet due holds nothing up, and overtakes when it is',
    proves: ['priority'],
    gate: PRIORITIES,
    refuses: refusesPriority,
    does: async (bench) => {
      const [urgent] = await bench.publish(bench.message({ priority: 9, delayMs: 400 }));
      const [plain, later] = await bench.publish(...bench.messages(2));
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver, 300);
      mustEqual(delivery.id, plain, 'what comes at once');
      await bench.ack(receiver, delivery);
      await bench.time.pass(400 + 2 * bench.time.slackMs);
      const came = await oneByOne(bench, receiver, 2);
      mustEqual(
        came.map(({ id }) => id),
        [urgent, later],
        'what comes when it is due',
      );
    },
  },
  {
    id: 'H11c',
    title: 'an urgent message whose consumer died comes again before the others',
    proves: ['priority'],
    gate: PRIORITIES,
    refuses: refusesPriority,
    does: async (bench) => {
      const [urgent] = await bench.publish(bench.message({ priority: 2 }));
      const receiver = await bench.receiver();
      await bench.takeOne(receiver);
      const [plain] = await bench.publish(bench.message());
      await bench.time.pass(LEASE_MS + 2 * bench.time.slackMs);
      const came = await oneByOne(bench, receiver, 2);
      mustEqual(
        came.map(({ id, crashes }) => [id, crashes]),
        [
          [urgent, 1],
          [plain, 0],
        ],
        'what comes after the lease',
      );
    },
  },
];

/** Its body is its priority. */
function named(bench: LawBench, priority: number | undefined) {
  return bench.message({ priority, body: String(priority ?? 0) });
}

async function drained(bench: LawBench, receiver: Receiver): Promise<readonly string[]> {
  const { ready } = await bench.depth();
  return (await oneByOne(bench, receiver, ready)).map(({ body }) => String(body));
}

/** Taken and acknowledged alone, so that each is the first of what is ready. */
async function oneByOne(bench: LawBench, receiver: Receiver, count: number): Promise<readonly Delivery[]> {
  const taken: Delivery[] = [];
  for (let n = 0; n < count; n++) {
    const delivery = await bench.takeOne(receiver);
    await bench.ack(receiver, delivery);
    taken.push(delivery);
  }
  return taken;
}
