import type { PublishResult } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { LawTransaction } from '../fixture.js';
import type { Law } from '../law.js';
import type { LawBench } from '../law-bench.js';

/** Longer than any look of a backend for new messages. */
const WHILE_MS = 200;

const ENLISTS: Law['gate'] = { needs: 'transactions of the caller', met: ({ tx }) => tx === 'enlist' };

/** J7: a publish as a part of the caller's own transaction. */
export const TRANSACTION_LAWS: readonly Law[] = [
  {
    id: 'J7',
    title: 'a publish in a transaction is seen when it commits, not before, and a late commit is not skipped',
    proves: ['tx'],
    gate: ENLISTS,
    does: async (bench) => {
      const receiver = await bench.receiver();
      const [late, other] = [bench.message(), bench.message()];
      const transaction = await bench.begin();
      await publishIn(bench, transaction, late);
      let isStored = false;
      // May have to wait for the transaction, and may as well overtake it.
      const others = bench.publish(other).then(() => (isStored = true));
      await bench.time.pass(WHILE_MS);
      const early = isStored ? await bench.take(receiver, 1) : [];
      await bench.silence(receiver, WHILE_MS);
      await transaction.commit();
      await bench.time.until(() => isStored, 5_000);
      await others;
      const deliveries = [...early, ...(await bench.take(receiver, 2 - early.length))];
      mustEqual(deliveries.map(({ id }) => id).sort(), [late.id, other.id].sort(), 'what came');
      must(!early.some(({ id }) => id === late.id), 'a message was delivered before its commit');
      await bench.ack(receiver, ...deliveries);
    },
    refuses: async (bench) => {
      const [result] = await bench.backend.publish([bench.message()], { tx: {} });
      mustEqual(refusal(result), 'unsupported', 'the answer');
    },
  },
  {
    id: 'J7a',
    title: 'a publish in a transaction that is rolled back never happened',
    proves: ['tx'],
    gate: ENLISTS,
    does: async (bench) => {
      const receiver = await bench.receiver();
      const transaction = await bench.begin();
      await publishIn(bench, transaction, bench.message());
      await transaction.rollback();
      await bench.silence(receiver, WHILE_MS);
      const kept = bench.message();
      await bench.publish(kept);
      const delivery = await bench.takeOne(receiver);
      mustEqual(delivery.id, kept.id, 'what comes after it');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'J7b',
    title: 'what is no transaction is refused',
    proves: ['tx'],
    gate: ENLISTS,
    does: async (bench) => {
      for (const tx of [{}, 'tx', null, 7]) {
        const [result] = await bench.backend.publish([bench.message()], { tx });
        mustEqual(refusal(result), 'invalid_transaction', `the answer to ${JSON.stringify(tx)}`);
      }
    },
  },
];

async function publishIn(bench: LawBench, { tx }: LawTransaction, message: Outgoing): Promise<void> {
  const [result] = await bench.backend.publish([message], { tx });
  mustEqual(result?.status, 'stored', 'the answer inside the transaction');
}

function refusal(result: PublishResult | undefined): string {
  return result?.status === 'refused' ? codeOf(result.error) : String(result?.status);
}
