import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';
import { consume, drain, Latch } from '../law-consumer.js';

const batch = { size: 4, withinMs: 200, bytes: undefined, by: undefined } as const;

/** H with a handler that takes many messages at once. */
export const BATCH_LAWS: readonly Law[] = [
  {
    id: 'H5',
    title: 'batches are full, or as old as they may get, or as large; only the failed messages come again',
    does: async (bench) => {
      const messages = bench.messages(6);
      const [bad, ...good] = messages.map(({ id }) => id);
      const batches: string[][] = [];
      const attempts: number[] = [];
      const running = await consume(bench, {
        policies: { batch: { ...batch, bytes: 300 } },
        batch: (of) => {
          batches.push(of.items.map(({ id }) => id));
          attempts.push(...of.items.map(({ attempt }) => attempt));
          of.items.forEach(({ id, attempt }, at) => {
            if (id === bad && attempt === 1) of.fail(at, new Error('not this time'));
          });
        },
      });
      await bench.publish(...messages);
      await bench.time.until(() => running.settled.length === 7, 5_000);
      mustEqual(
        batches.map(({ length }) => length),
        [4, 3],
        'the sizes',
      ); // the retry fills up the rest
      mustEqual(
        attempts.filter((attempt) => attempt > 1),
        [2],
        'the later attempts',
      );
      mustEqual(running.startsOf(bad as string), 2, 'the starts of the failed one');
      must(
        good.every((id) => running.startsOf(id) === 1),
        'a message that succeeded came again',
      );
      await bench.publish(...bench.messages(3, { body: 'x'.repeat(150) }));
      await bench.time.until(() => running.settled.length === 10, 5_000);
      mustEqual(
        batches.slice(2).map(({ length }) => length),
        [2, 1],
        'the sizes of large messages',
      );
    },
  },
  {
    id: 'H5a',
    title:
      'a batch keeps the leases of all its messages, and a shutdown gives back uncounted what is not full',
    does: async (bench) => {
      const latch = new Latch();
      const running = await consume(bench, {
        policies: { batch: { ...batch, withinMs: 60_000 } },
        batch: () => latch.pass(),
      });
      await bench.publish(...bench.messages(6));
      await bench.time.until(() => running.starts.length === 4, 1_000);
      await bench.time.pass(3 * LEASE_MS);
      latch.open();
      await bench.time.until(() => running.settled.length === 4, 1_000);
      await bench.time.pass(50);
      await drain(bench, running);
      mustEqual(running.settled.slice(0, 4), ['ack', 'ack', 'ack', 'ack'], 'the settlements of the batch');
      const heir = await bench.receiver();
      const rest = await bench.take(heir, 2, LEASE_MS / 2);
      mustEqual(
        rest.map(({ attempt }) => attempt),
        [1, 1],
        'the attempts of the rest',
      );
      await bench.ack(heir, ...rest);
    },
  },
];
