import type { Delivery } from '../../message/delivery.js';
import { toBytes } from '../../message/body.js';
import { checkHeaders } from '../../message/headers.js';
import { mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, SUBSCRIPTION, TOPIC } from '../law-bench.js';

const LEASED = { needs: 'leases', met: ({ lease }: { readonly lease: unknown }) => lease !== false };

/** B: what is delivered, and what a settlement does. */
export const SETTLE_LAWS: readonly Law[] = [
  {
    id: 'B1',
    title: 'bodies come as they went, byte for byte',
    does: async (bench) => {
      const bodies = [
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
        new Uint8Array(0),
        '',
        'x',
        '{"a":[1,"\u0000 ü €","😀"]}',
        Uint8Array.of(0xff, 0xfe, 0x00, 0xc3),
        '\uFEFFwith a byte order mark',
      ];
      await bench.publish(...bodies.map((body) => bench.message({ body })));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, bodies.length);
      deliveries.forEach(({ body }, at) => {
        mustEqual(hex(toBytes(body)), hex(toBytes(bodies[at] as string)), `body ${at}`);
      });
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'B2',
    title: 'headers, keys and topics come as they went, hostile names included',
    does: async (bench) => {
      const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`h${n}`, `v${n}`]));
      const wanted = [
        checkHeaders({ empty: '', unicode: 'grüße 😀', 'a.b-c_d': 'x', constructor: 'c', toString: 't' }),
        checkHeaders(many),
      ];
      await bench.publish(...wanted.map((headers) => bench.message({ headers, key: 'a/b "c" ü' })));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 2);
      deliveries.forEach((delivery, at) => {
        mustEqual({ ...delivery.headers }, { ...wanted[at] }, `headers ${at}`);
        mustEqual(Object.getPrototypeOf(delivery.headers), null, 'the prototype of the headers');
        mustEqual([delivery.key, delivery.topic], ['a/b "c" ü', TOPIC], 'key and topic');
      });
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'B3',
    title: 'what is acknowledged never comes again',
    proves: ['ack'],
    does: async (bench) => {
      await bench.publish(...bench.messages(3));
      const receiver = await bench.receiver();
      await bench.ack(receiver, ...(await bench.take(receiver, 3)));
      await bench.silence(receiver, 2 * LEASE_MS);
    },
  },
  {
    id: 'B4',
    title: 'what a receiver leaves unsettled comes again when its lease ends, and counts as a crash',
    proves: ['ack', 'attempts', 'lease'],
    gate: LEASED,
    does: async (bench) => {
      await bench.publish(bench.message());
      const first = await bench.receiver();
      const { id, attempt, crashes } = await bench.takeOne(first);
      await first.close();
      mustEqual([attempt, crashes], [1, 0], 'attempt and crashes of the first delivery');
      const second = await bench.receiver();
      const again = await bench.takeOne(second, 3 * LEASE_MS);
      mustEqual(
        [again.id, again.attempt, again.crashes],
        [id, 2, 1],
        'id, attempt and crashes of the second',
      );
      await bench.ack(second, again);
    },
  },
  {
    id: 'B5',
    title: 'settling twice is a noop and touches nothing else',
    does: async (bench) => {
      await bench.publish(...bench.messages(2));
      const receiver = await bench.receiver();
      const [one, other] = (await bench.take(receiver, 2)) as [Delivery, Delivery];
      await bench.ack(receiver, one);
      const again = await bench.settle(
        receiver,
        { kind: 'ack', delivery: one },
        { kind: 'release', delivery: one },
        { kind: 'retry', delivery: one, delayMs: 0, failure: bench.failure(1) },
        { kind: 'dead', delivery: one, failure: bench.failure(1) },
      );
      mustEqual(again, ['noop', 'noop', 'noop', 'noop'], 'the answers');
      mustEqual((await bench.depth()).inflight, 1, 'what is still in flight');
      await bench.ack(receiver, other);
    },
  },
  {
    id: 'B6',
    title: 'a stale owner is told that it lost, and the new one is not disturbed',
    proves: ['lease'],
    gate: LEASED,
    does: async (bench) => {
      await bench.publish(bench.message());
      const [slow, quick] = [await bench.receiver(), await bench.receiver()];
      const stale = await bench.takeOne(slow);
      const fresh = await bench.takeOne(quick, 3 * LEASE_MS);
      const answers = await bench.settle(
        slow,
        { kind: 'ack', delivery: stale },
        { kind: 'extend', delivery: stale, leaseMs: LEASE_MS },
        { kind: 'retry', delivery: stale, delayMs: 0, failure: bench.failure(1) },
        { kind: 'release', delivery: stale },
        { kind: 'dead', delivery: stale, failure: bench.failure(1) },
      );
      mustEqual(answers, ['lost', 'lost', 'lost', 'lost', 'lost'], 'the answers to the stale owner');
      mustEqual((await bench.depth()).inflight, 1, 'what is still in flight');
      await bench.ack(quick, fresh);
    },
  },
  {
    id: 'B6a',
    title: 'a lease that has ended is lost even when nobody took over',
    proves: ['lease'],
    gate: LEASED,
    does: async (bench) => {
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const stale = await bench.takeOne(receiver);
      await bench.time.pass(LEASE_MS + bench.time.slackMs);
      mustEqual(await bench.settle(receiver, { kind: 'ack', delivery: stale }), ['lost'], 'the answer');
      const fresh = await bench.takeOne(receiver);
      mustEqual(fresh.attempt, 2, 'the attempt');
      await bench.ack(receiver, fresh);
    },
  },
  {
    id: 'B8',
    title: 'acknowledging the last, the middle and the first leaves exactly the others',
    proves: ['ack'],
    gate: { needs: 'acknowledgement per message', met: ({ ack }) => ack === 'message' },
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(5));
      const first = await bench.receiver();
      const five = await bench.take(first, 5);
      await bench.ack(first, ...[4, 2, 0].map((at) => five[at] as Delivery));
      await first.close();
      const second = await bench.receiver();
      const rest = await bench.take(second, 2, 3 * LEASE_MS);
      mustEqual(
        rest.map(({ id }) => id).sort(),
        [ids[1] as string, ids[3] as string].sort(),
        'what comes again',
      );
      await bench.ack(second, ...rest);
    },
  },
  {
    id: 'B10',
    title: 'five consumers share one subscription: every message once, and each gets some',
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(50));
      const seen: string[] = [];
      for (const receiver of await Promise.all(Array.from({ length: 5 }, () => bench.receiver()))) {
        const deliveries = await bench.take(receiver, 10);
        seen.push(...deliveries.map(({ id }) => id));
        await bench.ack(receiver, ...deliveries);
      }
      mustEqual(seen.sort(), [...ids].sort(), 'the union of what they got');
    },
  },
  {
    id: 'B14',
    title: 'a subscription whose consumer is stuck does not slow another one down',
    proves: ['fanout'],
    gate: { needs: 'named fan-out', met: ({ fanout }) => fanout === 'named' },
    does: async (bench) => {
      await bench.ensure({ 'laws.quick': [TOPIC] });
      await bench.publish(...bench.messages(20));
      const [stuck, quick] = [await bench.receiver(SUBSCRIPTION), await bench.receiver('laws.quick')];
      const held = await bench.take(stuck, 10);
      const deliveries = await bench.take(quick, 20, LEASE_MS / 2);
      await bench.ack(quick, ...deliveries);
      await bench.ack(stuck, ...held, ...(await bench.take(stuck, 10)));
    },
  },
];

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
