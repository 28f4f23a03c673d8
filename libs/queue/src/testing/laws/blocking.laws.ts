import type { WhenFull } from '../../backend/bounds.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { openBus } from '../law-consumer.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { BOUNDS, refusesBounds } from './bounded.js';

const BOUND = 3;

/** A10: what publishers feel of a full subscription. */
export const BLOCKING_LAWS: readonly Law[] = [
  {
    id: 'A10',
    title: 'publishers wait while a subscription that blocks is full, in order, and it never holds more',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'block', withinMs: 60_000 });
      const bus = openBus(bench);
      const published: string[] = [];
      const ids = bench.messages(20).map(({ id }) => id);
      const errors: unknown[] = [];
      const publishing = ids.map((id) =>
        bus.publish(TOPIC, 1, { id }).then(
          () => published.push(id),
          (error: unknown) => errors.push(error),
        ),
      );
      await bench.time.until(() => published.length === BOUND, 2_000);
      const receiver = await bench.receiver();
      const came: string[] = [];
      while (came.length < ids.length) {
        mustEqual((await bench.depth()).ready <= BOUND, true, 'that no more than the bound is held');
        const delivery = await bench.takeOne(receiver);
        came.push(delivery.id);
        await bench.ack(receiver, delivery);
      }
      await Promise.all(publishing);
      mustEqual(errors.map(codeOf), [], 'what was refused');
      mustEqual(came, ids, 'the order in which they came');
    },
  },
  {
    id: 'A10j',
    title: 'a publisher that found no room in time is refused, and its message is stored nowhere',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'block', withinMs: 500 });
      await bench.publish(...bench.messages(BOUND));
      const bus = openBus(bench);
      const startedAt = bench.time.clock.mono();
      let answer: unknown;
      void bus.publish(TOPIC, 1).catch((error: unknown) => (answer = error));
      await bench.time.pass(250);
      must(answer === undefined, 'it must wait for room');
      await bench.time.until(() => answer !== undefined, 2_000);
      mustEqual(codeOf(answer), 'publish_timeout', 'the error');
      must(bench.time.clock.mono() - startedAt >= 500, 'it must wait until its time is over');
      await emptied(bench, BOUND);
    },
  },
  {
    id: 'A10k',
    title: 'a publisher that waits for room is told when the bus closes, and nothing is left behind',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'block', withinMs: 60_000 });
      await bench.publish(...bench.messages(BOUND));
      const bus = openBus(bench);
      let answer: unknown;
      void bus.publish(TOPIC, 1).catch((error: unknown) => (answer = error));
      await bench.time.pass(250);
      await bus.close();
      await bench.time.until(() => answer !== undefined, 1_000);
      mustEqual(codeOf(answer), 'closed', 'the error');
      await emptied(bench, BOUND);
    },
  },
  {
    id: 'A10l',
    title: 'a throttled publisher goes at the speed it was told, and at full speed when there is room again',
    proves: ['bounds'],
    gate: BOUNDS,
    refuses: refusesBounds,
    does: async (bench) => {
      await bounded(bench, { kind: 'throttle', perSecond: 10 });
      await bench.publish(...bench.messages(BOUND));
      const bus = openBus(bench);
      await bus.publish(TOPIC, 0); // the first is told
      let published = 0;
      const publishing = Array.from({ length: 4 }, () => bus.publish(TOPIC, 1).then(() => published++));
      await bench.time.pass(250);
      must(published <= 2, `${published} went in a quarter of a second, ten a second are allowed`);
      await bench.time.until(() => published === 4, 2_000);
      await Promise.all(publishing);
      await emptied(bench, BOUND + 5);
      let again = 0;
      for (let sent = 0; sent < 3; sent++) void bus.publish(TOPIC, 2).then(() => again++);
      await bench.time.until(() => again === 3, 150);
      await emptied(bench, 3);
    },
  },
];

async function bounded(bench: LawBench, whenFull: WhenFull): Promise<void> {
  const bounds = { maxMessages: BOUND, whenFull };
  await bench.backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC], bounds }] }, 'create');
}

async function emptied(bench: LawBench, count: number): Promise<void> {
  mustEqual((await bench.depth()).ready, count, 'what is ready');
  const receiver = await bench.receiver();
  await bench.ack(receiver, ...(await bench.take(receiver, count)));
}
