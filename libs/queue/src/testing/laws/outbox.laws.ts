import type { Outgoing } from '../../message/outgoing.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';
import { LawShop } from '../law-shop.js';

const KEYS = ['a', 'b', 'c'];
const COUNT = 60;

/** J5, J6: publishes as rows in the application's own database, relayed to the broker. */
export const OUTBOX_LAWS: readonly Law[] = [
  {
    id: 'J5',
    title: 'an outbox publishes what was committed, once and in the order of each key, with two relays',
    does: async (bench) => {
      const shop = await LawShop.open(bench);
      const [one, two] = [await shop.process(), await shop.process()];
      const messages = keyed(bench, COUNT);
      for (const [at, message] of messages.entries()) {
        await shop.transact(at % 2 === 0 ? one : two, 'COMMIT', [message]);
      }
      await shop.transact(one, 'ROLLBACK', keyed(bench, 1));
      await shop.settle(COUNT);
      mustEqual(shop.relayed.toSorted(), idsOf(messages).toSorted(), 'what was relayed');
      mustBeInOrder(messages, shop.relayed);
      await drink(bench);
    },
  },
  {
    id: 'J5a',
    title: 'an outbox loses nothing with its relay: another one takes over, and the order of each key holds',
    does: async (bench) => {
      const shop = await LawShop.open(bench);
      await shop.process({ diesAfter: COUNT / 2 });
      await bench.time.pass(50);
      const other = await shop.process();
      const messages = keyed(bench, COUNT);
      await shop.transact(other, 'COMMIT', messages);
      await bench.time.until(() => messages.every(({ id }) => shop.relayed.includes(id)), 60_000);
      mustBeInOrder(messages, [...new Set(shop.relayed)]);
      must(shop.relayed.length <= COUNT + 8, 'more was repeated than the batch that was under way');
      await drink(bench);
    },
  },
  {
    id: 'J5b',
    title: 'an outbox does not skip a row that is committed late with an early number',
    does: async (bench) => {
      const shop = await LawShop.open(bench);
      const one = await shop.process();
      const [late, early] = bench.messages(2) as [Outgoing, Outgoing];
      await shop.transact(one, 'COMMIT', [late, early]);
      // As databases with many writers show it: a number is given before its row can be seen.
      shop.exec(`CREATE TABLE unseen AS SELECT * FROM outbox WHERE id = '${late.id}'`);
      shop.exec(`DELETE FROM outbox WHERE id = '${late.id}'`);
      await shop.settle(1);
      shop.exec('INSERT INTO outbox SELECT * FROM unseen');
      await shop.settle(2);
      mustEqual(shop.relayed, [early.id, late.id], 'what was relayed');
      await drink(bench);
    },
  },
  {
    id: 'J6',
    title: 'an outbox with a long backlog drains page by page',
    does: async (bench) => {
      const shop = await LawShop.open(bench);
      const writer = await shop.process({ relay: false });
      const messages = bench.messages(2_000);
      await shop.transact(writer, 'COMMIT', messages);
      const { sql } = writer;
      let most = 0;
      const counting: typeof sql = {
        ...sql,
        executeSql: async (text, values) => {
          const rows = await sql.executeSql(text, values);
          most = Math.max(most, rows.length);
          return rows;
        },
      };
      await shop.process({ executor: counting, batch: 100 });
      await shop.settle(messages.length);
      mustEqual(most, 100, 'the most rows in memory');
      mustEqual(shop.relayed, idsOf(messages), 'what was relayed');
      await drink(bench);
    },
  },
];

function keyed(bench: LawBench, count: number): readonly Outgoing[] {
  return Array.from({ length: count }, (_, n) => bench.message({ key: KEYS[n % KEYS.length] }));
}

function idsOf(messages: readonly Outgoing[]): string[] {
  return messages.map(({ id }) => id);
}

function mustBeInOrder(messages: readonly Outgoing[], relayed: readonly string[]): void {
  for (const key of KEYS) {
    const ids = idsOf(messages.filter((message) => message.key === key));
    const seen = relayed.filter((id) => ids.includes(id));
    mustEqual(seen, ids, `the order of key ${key}`);
  }
}

/** Takes and acknowledges everything, so that the broker is at rest. */
async function drink(bench: LawBench): Promise<void> {
  const { ready } = await bench.depth(SUBSCRIPTION);
  const receiver = await bench.receiver();
  for (let left = ready; left > 0; left -= 100) {
    await bench.ack(receiver, ...(await bench.take(receiver, Math.min(100, left))));
  }
}
