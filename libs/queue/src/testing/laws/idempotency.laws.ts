import { Inbox } from '../../composed/outbox/inbox.js';
import type { MessageContext } from '../../interceptors/message-context.js';
import { DEFAULT_IDEMPOTENCY } from '../../policies/idempotency.policy.js';
import { DEFAULT_POLICIES } from '../../policies/consume.policies.js';
import { compile } from '../../policies/plan.js';
import { requirementsOf } from '../../policies/requirements.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, TOPIC } from '../law-bench.js';
import { consume, openBus } from '../law-consumer.js';
import { LawShop } from '../law-shop.js';
import { ProcessView } from '../process-view.js';

const IDEMPOTENCY = { ...DEFAULT_IDEMPOTENCY, busyDelayMs: 50 };
const POLICIES = { raw: false, idempotency: IDEMPOTENCY };

class Boom extends Error {}

/** J with a consumer on top: an intent takes effect once. Nothing to hold where nothing is remembered. */
export const IDEMPOTENCY_LAWS: readonly Law[] = [
  {
    id: 'J3b',
    title: 'a failure frees the key of an intent for the next attempt',
    does: async (bench) => {
      if (bench.store === undefined) return;
      let runs = 0;
      const running = await consume(bench, {
        policies: POLICIES,
        handle: () => {
          if (++runs === 1) throw new Boom('the first attempt fails');
        },
      });
      const bus = openBus(bench);
      await bus.publish(TOPIC, {}, { idempotencyKey: 'intent' });
      await bench.time.until(() => running.settled.includes('ack'), 5_000);
      await bus.publish(TOPIC, {}, { idempotencyKey: 'intent' });
      await bench.time.until(() => running.settled.filter((kind) => kind === 'ack').length === 2, 5_000);
      mustEqual(runs, 2, 'the runs: one that failed, one that did not');
    },
  },
  {
    id: 'J3c',
    title: 'a crash frees the key of an intent when the lease is over, for its own message only',
    does: async (bench) => {
      if (bench.store === undefined) return;
      const view = new ProcessView(await bench.connect());
      let isStuck = false;
      await consume(bench, {
        process: view,
        policies: POLICIES,
        handle: () => {
          isStuck = true;
          return new Promise(() => undefined);
        },
      });
      const bus = openBus(bench);
      const { id } = await bus.publish(TOPIC, {}, { idempotencyKey: 'intent' });
      await bench.time.until(() => isStuck, 2_000);
      view.kill();
      const running = await consume(bench, { policies: POLICIES, handle: () => undefined });
      await bus.publish(TOPIC, {}, { idempotencyKey: 'intent' });
      await bench.time.until(
        () => running.settled.filter((kind) => kind === 'ack').length === 2,
        10 * LEASE_MS,
      );
      mustEqual(running.starts, [id], 'what was handled after the crash');
    },
  },
  {
    id: 'J3d',
    title: 'a result that is kept comes back to later copies of its intent',
    does: async (bench) => {
      if (bench.store === undefined) return;
      const seen: unknown[] = [];
      let runs = 0;
      const running = await consume(bench, {
        policies: { ...POLICIES, idempotency: { ...IDEMPOTENCY, keepsResult: true } },
        handle: () => ({ run: ++runs }),
        settled: ({ result }) => seen.push(result),
      });
      const bus = openBus(bench);
      for (const n of [1, 2]) {
        await bus.publish(TOPIC, {}, { idempotencyKey: 'intent' });
        await bench.time.until(() => running.settled.length === n, 5_000);
      }
      mustEqual(seen, [{ run: 1 }, { run: 1 }], 'the results of both copies');
    },
  },
  {
    id: 'J4',
    title:
      'an inbox in the business transaction lets a message take effect once, through a crash after the commit',
    does: async (bench) => {
      const shop = await LawShop.open(bench);
      shop.exec('CREATE TABLE effects (subscription TEXT)');
      const other = 'laws.inbox';
      await bench.ensure({ [other]: [TOPIC] });
      const inbox = new Inbox({ ambient: bench.ambient });
      const sql = bench.sqlOf(shop.executor);
      const handle = async (context: MessageContext): Promise<void> => {
        shop.exec('BEGIN');
        if (await inbox.claim(sql, context)) {
          await sql.executeSql('INSERT INTO effects VALUES (?)', [context.subscription]);
        }
        shop.exec('COMMIT');
      };
      const view = new ProcessView(await bench.connect());
      const dying = async (context: MessageContext): Promise<void> => {
        await handle(context);
        view.kill();
        await new Promise(() => undefined);
      };
      await consume(bench, { process: view, handle: dying });
      const [id] = await bench.publish(bench.message());
      await bench.time.until(() => view.isDead, 2_000);
      const policies = { concurrency: 1 };
      const again = await consume(bench, { handle, policies });
      await bench.time.until(() => again.settled.includes('ack'), 10 * LEASE_MS);
      const elsewhere = await consume(bench, { handle, policies, subscription: other });
      await bench.time.until(() => elsewhere.settled.includes('ack'), 2_000);
      const effects = await shop.executor.executeSql('SELECT subscription FROM effects', []);
      mustEqual(
        [again.starts, effects.length],
        [[id], 2],
        'the second delivery, and one effect for each of the two subscriptions',
      );
    },
  },
  {
    id: 'J9',
    title: 'a plan tells when a key is forgotten before the last retry',
    does: async (bench) => {
      const told = (ttlMs: number): boolean => {
        const policies = { ...DEFAULT_POLICIES, idempotency: { ...IDEMPOTENCY, ttlMs } };
        const helpers = { remembers: true, accept: [] };
        const plan = compile(requirementsOf(policies), bench.capabilities, helpers);
        const entry = plan.find(({ need }) => need === 'idempotency');
        return entry?.answer === 'composed' && entry.leaves?.includes('forgotten') === true;
      };
      must(told(1), 'a key that lives for 1 ms is forgotten too early, and the plan does not say so');
      must(!told(30 * 86_400_000), 'the plan warns of a key that is remembered for long enough');
    },
  },
];
