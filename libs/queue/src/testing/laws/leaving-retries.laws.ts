import type { Backend, Receiver, Settlement } from '../../backend/backend.js';
import type { MessageState, Peeked } from '../../backend/inspect.js';
import { DelayStoreBackend } from '../../composed/delay-store/delay-store.backend.js';
import type { Delivery } from '../../message/delivery.js';
import { checkHeaders } from '../../message/headers.js';
import { AlteredBackend } from '../altered-backend.js';
import { must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, LEASE_MS, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { ProcessView } from '../process-view.js';
import { closing, keepsDelays, ShortDelays } from './delay-store.laws.js';

const KEEPS_RETRIES: Gate = {
  needs: 'exact delays, lanes, leases that can be renewed and dead letters with their reasons',
  met: (can, beside) =>
    keepsDelays(can, beside) &&
    can.lease !== false &&
    can.lease.extend &&
    can.dead === 'native-reason' &&
    can.browse !== 'none',
};

/** C9: retries that a backend cannot delay itself. The one under the laws is both: the one that cannot, and the one that keeps them. */
export const LEAVING_RETRY_LAWS: readonly Law[] = [
  {
    id: 'C9',
    title:
      'a kill before or after the copy of a retry that waits elsewhere may duplicate, and loses nothing, no attempt either',
    gate: KEEPS_RETRIES,
    does: async (bench) => {
      const found: string[] = [];
      for (const moment of ['before', 'after'] as const) {
        await bench.publish(bench.message({ body: moment }));
        const receiver = await openRetrying(bench, moment);
        const delivery = await bench.takeOne(receiver);
        const [answer] = await bench.settle(receiver, retryOf(bench, delivery));
        must(typeof answer === 'object', 'a dead process gets no answer');
        const successor = await openRetrying(bench);
        for (const again of await bench.take(successor, moment === 'before' ? 1 : 2)) {
          found.push(`${bodyOf(again)}: attempt ${again.attempt}, ${again.crashes} crashes`);
          await bench.ack(successor, again);
        }
        await successor.close();
      }
      const crashed = 'attempt 2, 1 crashes';
      const expected = [`after: attempt 2, 0 crashes`, `after: ${crashed}`, `before: ${crashed}`];
      mustEqual(found.toSorted(), expected, 'what comes after the deaths');
    },
  },
  {
    id: 'C9a',
    title: 'a retry that waits elsewhere comes when it is due, with all that its message was through',
    gate: KEEPS_RETRIES,
    does: async (bench) => {
      const headers = checkHeaders({ tenant: 'acme' });
      await bench.publish(bench.message({ key: 'k', headers, body: 'whole' }));
      const receiver = await openRetrying(bench);
      let delivery = await bench.takeOne(receiver);
      const { publishedAt } = delivery;
      for (const attempt of [2, 3]) {
        const settledAt = bench.time.clock.mono();
        mustEqual(await bench.settle(receiver, retryOf(bench, delivery)), ['ok'], 'the answer to the retry');
        delivery = await bench.takeOne(receiver);
        must(bench.time.clock.mono() - settledAt >= RETRY_MS - 1, 'it must not come before its time');
        const { key, body, crashes, failures } = delivery;
        mustEqual(
          {
            key,
            body: String(body),
            crashes,
            attempt: delivery.attempt,
            at: delivery.publishedAt,
            headers: { ...delivery.headers },
          },
          { key: 'k', body: 'whole', crashes: 0, attempt, at: publishedAt, headers: { tenant: 'acme' } },
          'what comes again',
        );
        mustEqual(
          failures.map((failure) => failure.attempt),
          attempt === 2 ? [1] : [1, 2],
          'its failures',
        );
      }
      await bench.settle(receiver, { kind: 'dead', delivery, failure: bench.failure(3) });
      const [dead] = await browsed(retrying(bench), 'dead');
      mustEqual(
        [dead?.attempts, dead?.failures.length, dead?.publishedAt, { ...dead?.headers }],
        [3, 3, publishedAt, { tenant: 'acme' }],
        'the dead letter',
      );
    },
  },
  {
    id: 'C9b',
    title: 'who has lost his lease copies nothing to where retries wait',
    gate: KEEPS_RETRIES,
    does: async (bench) => {
      await bench.publish(bench.message());
      const receiver = await openRetrying(bench);
      const delivery = await bench.takeOne(receiver);
      await bench.time.pass(LEASE_MS + 2 * bench.time.slackMs);
      mustEqual(await bench.settle(receiver, retryOf(bench, delivery)), ['lost'], 'the answer to the retry');
      if (bench.capabilities.browse === 'all')
        mustEqual(await bench.browse('delayed', `delayed.${bench.backend.name}`), [], 'what was copied');
      await bench.ack(receiver, await bench.takeOne(receiver));
    },
  },
];

const RETRY_MS = 400;

function retryOf(bench: LawBench, delivery: Delivery): Settlement {
  return { kind: 'retry', delivery, delayMs: RETRY_MS, failure: bench.failure(delivery.attempt) };
}

/** A process that cannot delay its retries and dies at this moment of the first copy; never, when there is none. */
function retrying(bench: LawBench, dies?: 'before' | 'after'): DelayStoreBackend {
  const process = new ProcessView(bench.backend);
  const later = new AlteredBackend(process, {
    publish: async (batch, rightly) => {
      if (dies === 'before') process.kill();
      const results = await rightly(batch);
      if (dies === 'after') process.kill();
      return results;
    },
  });
  const pair = bench.delayStoreOf({ inner: new ShortDelays(process, () => undefined), later });
  return closing(
    bench,
    new DelayStoreBackend(pair.inner, { later: pair.later, ambient: bench.ambient, host: 'laws:1' }),
  );
}

async function openRetrying(bench: LawBench, dies?: 'before' | 'after'): Promise<Receiver> {
  const receiver = await retrying(bench, dies).open({
    name: SUBSCRIPTION,
    topics: [TOPIC],
    leaseMs: LEASE_MS,
  });
  bench.onEnd(() => receiver.close());
  return receiver;
}

async function browsed(backend: Backend, state: MessageState): Promise<readonly Peeked[]> {
  const found: Peeked[] = [];
  const query = { kind: 'browse', subscription: SUBSCRIPTION, state, limit: 100 } as const;
  for await (const item of backend.inspect(query)) if (item.kind === 'message') found.push(item);
  return found;
}

function bodyOf({ body }: Delivery): string {
  return String(body);
}
