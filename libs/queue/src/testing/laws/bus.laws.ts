import { FaultyBackend } from '../../backends/memory/memory.faults.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, TOPIC } from '../law-bench.js';
import { consume, openBus } from '../law-consumer.js';

/** A with a bus on top: no publish is left without an answer. */
export const BUS_LAWS: readonly Law[] = [
  {
    id: 'A6',
    title: 'a publish that ended as unknown and is repeated with its id costs one duplicate at most',
    does: async (bench) => {
      const faulty = new FaultyBackend(bench.backend, { unknownPublish: 0.4 }, bench.ambient.random);
      const bus = openBus(bench, faulty);
      const attempts = new Map<string, number>();
      for (let n = 0; n < 40; n++) {
        const id = `a6-${n}`;
        for (let stored = false; !stored; attempts.set(id, (attempts.get(id) ?? 0) + 1)) {
          const error: unknown = await bus.publish(TOPIC, n, { id }).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error !== undefined) mustEqual(codeOf(error), 'publish_outcome_unknown', 'the error');
          stored = error === undefined;
        }
      }
      const running = await consume(bench, { handle: () => undefined });
      await bench.time.until(() => new Set(running.starts).size === 40, 3_000);
      await bench.time.pass(100);
      for (const [id, tries] of attempts) {
        must(
          running.startsOf(id) <= tries,
          `${id} came ${running.startsOf(id)} times for ${tries} publishes`,
        );
      }
    },
  },
  {
    id: 'A7',
    title: 'closing a bus waits for every publish that was not awaited, and leaves none without an answer',
    does: async (bench) => {
      const bus = openBus(bench);
      let answered = 0;
      for (let n = 0; n < 1_000; n++) void bus.publish(TOPIC, n).finally(() => answered++);
      await bus.close();
      mustEqual(answered, 1_000, 'the answers when close resolves');
      const late: unknown = await bus.publish(TOPIC, 0).then(
        () => 'stored',
        (thrown: unknown) => thrown,
      );
      mustEqual(codeOf(late), 'closed', 'the answer after it');
      const running = await consume(bench, { handle: () => undefined });
      await bench.time.until(() => running.settled.length === 1_000, 8_000);
    },
  },
  {
    id: 'I9',
    title: 'with faults on every call each message is handled, and nothing is lost',
    does: async (bench) => {
      const chance = 0.1;
      const faults = { duplicate: chance, reorder: chance, loseSettleAnswer: chance, unknownPublish: chance };
      const faulty = new FaultyBackend(bench.backend, faults, bench.ambient.random);
      const running = await consume(bench, { handle: () => undefined, process: faulty });
      const bus = openBus(bench, faulty);
      const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => bus.publish(TOPIC, n)));
      const stored = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' ? [outcome.value.id] : [],
      );
      must(stored.length < 200, 'some publishes must end as unknown, or the faults do not work');
      await bench.time.until(() => stored.every((id) => running.starts.includes(id)), 5_000);
      await bench.time.pass(3 * LEASE_MS);
    },
  },
];
