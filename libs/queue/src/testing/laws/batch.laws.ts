import { STRICT_ORDER } from '../../backend/key-order.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, LEASE_MS } from '../law-bench.js';
import { consume, drain, Latch } from '../law-consumer.js';
import { BLOCKS_KEY, ensureOrder } from '../law-order.js';

const batch = { size: 4, withinMs: 200, bytes: undefined, by: undefined } as const;

/** On a busy machine a retry takes a while to come, and is in its batch all the same. */
const patientBatch = ({ time }: LawBench) =>
  ({ ...batch, bytes: 300, withinMs: Math.max(batch.withinMs, 5 * time.slackMs) }) as const;

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
        policies: { batch: patientBatch(bench) },
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
  {
    id: 'E12',
    title: 'a batch that fails in the middle leaves the rest of its keys in order',
    gate: BLOCKS_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      const done: string[] = [];
      const sizes: number[] = [];
      const running = await consume(bench, {
        policies: { order: STRICT_ORDER, batch },
        batch: (of) => {
          sizes.push(of.items.length);
          of.items.forEach((item, at) => {
            const name = String(item.body);
            if (name === 'b1' && item.attempt === 1) of.fail(at, new Error('not this time'));
            else done.push(name);
          });
        },
      });
      const names = [1, 2, 3].flatMap((number) => ['a', 'b', 'c', 'd'].map((key) => `${key}${number}`));
      await bench.publish(...names.map((body) => bench.message({ key: body.slice(0, 1), body })));
      await bench.time.until(() => running.settled.length === names.length + 1, 10_000);
      for (const key of ['a', 'b', 'c', 'd']) {
        const ofKey = done.filter((name) => name.startsWith(key));
        mustEqual(ofKey, [`${key}1`, `${key}2`, `${key}3`], `what was done with key ${key}`);
      }
      must(
        sizes.some((size) => size > 1),
        'every batch had one message',
      );
    },
  },
];
