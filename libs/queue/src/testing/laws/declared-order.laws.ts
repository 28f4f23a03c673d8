import { STRICT_ORDER } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import { codeOf, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { BY_KEY, drainNamed, openEnsured, openOrdered, publishNamed, takeNamed } from '../law-order.js';

/** E: an order is declared, and then it is there. */
export const DECLARED_ORDER_LAWS: readonly Law[] = [
  {
    id: 'H11d',
    title: 'a priority chooses between keys, never within one',
    proves: ['priority', 'order'],
    gate: {
      needs: 'priorities and an order by key',
      met: ({ priority, order }) => priority > 1 && order === 'key',
    },
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      for (const [body, priority] of [
        ['a1', 0],
        ['a2', 9],
        ['b1', 5],
      ] as const) {
        await bench.publish(bench.message({ key: body.slice(0, 1), body, priority }));
      }
      mustEqual(await drainNamed(bench, receiver, 3), ['b1', 'a1', 'a2'], 'the order');
    },
  },
  {
    id: 'E2a',
    title: 'an order is kept by its subscription, and a check tells where it is missing',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const plain = { name: SUBSCRIPTION, topics: [TOPIC] };
      const ordered = { subscriptions: [{ ...plain, order: STRICT_ORDER }] };
      await publishNamed(bench, 'a1', 'a2', '-1');
      const drifts = await bench.backend.ensure(ordered, 'check');
      mustEqual(
        drifts.map(({ kind }) => kind),
        ['missing-order'],
        'the drift before',
      );
      mustEqual(await bench.backend.ensure(ordered, 'create'), [], 'the drift after');
      mustEqual(
        await bench.backend.ensure({ subscriptions: [plain] }, 'create'),
        [],
        'the drift of no order',
      );
      await publishNamed(bench, 'a3');
      const receiver = await bench.receiver();
      const [a1, one] = (await takeNamed(bench, receiver, 'a1', '-1')) as [Delivery, Delivery];
      await bench.ack(receiver, a1, one);
      mustEqual(await drainNamed(bench, receiver, 2), ['a2', 'a3'], 'the order');
    },
  },
  {
    id: 'E2b',
    title: 'a consumer that wants an order is refused where the subscription has none',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const refused = await openOrdered(bench).then(() => undefined, codeOf);
      mustEqual(refused, 'unordered_subscription', 'the answer');
    },
  },
];
