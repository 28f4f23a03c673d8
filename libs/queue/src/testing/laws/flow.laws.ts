import type { Delivery } from '../../message/delivery.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS } from '../law-bench.js';

/** H and L at the seam: demand, expiry, idleness and counts. */
export const FLOW_LAWS: readonly Law[] = [
  {
    id: 'H2a',
    title: 'a backlog stays on the broker: nobody gets more than was asked for',
    proves: ['batch'],
    does: async (bench) => {
      for (let sent = 0; sent < 2_000; sent += 500) await bench.publish(...bench.messages(500));
      const receiver = await bench.receiver();
      const deliveries = await receiver.receive(7, new AbortController().signal);
      must(deliveries.length >= 1 && deliveries.length <= 7, `${deliveries.length} came, 7 were asked for`);
      mustEqual((await bench.depth()).inflight, deliveries.length, 'what is in flight');
      await bench.ack(receiver, ...deliveries);
      for (let left = 2_000 - deliveries.length; left > 0; left -= Math.min(500, left)) {
        await bench.ack(receiver, ...(await bench.take(receiver, Math.min(500, left))));
      }
    },
  },
  {
    id: 'H6a',
    title: 'a closed receiver brings nothing more, but what it handed out can still be settled',
    does: async (bench) => {
      await bench.publish(...bench.messages(2));
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await receiver.close();
      await receiver.close();
      mustEqual(
        (await receiver.receive(1, new AbortController().signal)).length,
        0,
        'what a closed receiver brings',
      );
      await bench.ack(receiver, delivery);
      const other = await bench.receiver();
      await bench.ack(other, await bench.takeOne(other, LEASE_MS / 2));
    },
  },
  {
    id: 'H6b',
    title: 'a receive that waits ends at once when it is told to, and takes nothing with it',
    does: async (bench) => {
      const receiver = await bench.receiver();
      const abort = new AbortController();
      let answered = false;
      const waiting = receiver.receive(1, abort.signal).then((deliveries) => {
        answered = true;
        return deliveries;
      });
      await bench.time.pass(20);
      abort.abort();
      await bench.time.until(() => answered, 500);
      mustEqual(await waiting, [], 'what it brought');
      await bench.publish(bench.message());
      const other = await bench.receiver();
      await bench.ack(other, await bench.takeOne(other, LEASE_MS / 2));
    },
  },
  {
    id: 'H12a',
    title: 'a delivery tells when its time to live ends, also after a retry',
    proves: ['ttl'],
    gate: { needs: 'a time to live per message', met: ({ ttl }) => ttl === 'message' },
    does: async (bench) => {
      const ttlMs = 60_000;
      await bench.publish(bench.message({ ttlMs }));
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await bench.settle(receiver, { kind: 'retry', delivery, delayMs: 0, failure: bench.failure(1) });
      const again = await bench.takeOne(receiver);
      for (const { expiresAt = 0, publishedAt } of [delivery, again]) {
        const off = Math.abs(expiresAt - publishedAt - ttlMs);
        must(off <= bench.time.slackMs + 1, `its end is told ${off} ms off`);
      }
      await bench.ack(receiver, again);
    },
  },
  {
    id: 'H12',
    title: 'what has expired is never handled, be it behind a live one, delayed or failed before',
    proves: ['ttl'],
    gate: { needs: 'a time to live per message', met: ({ ttl }) => ttl === 'message' },
    does: async (bench) => {
      const ttlMs = 300 + 4 * bench.time.slackMs; // long enough to be taken in, by a busy machine too
      const [live] = await bench.publish(
        bench.message(),
        bench.message({ ttlMs }),
        bench.message({ ttlMs, delayMs: ttlMs + 200 }),
        bench.message({ ttlMs: 60_000 }),
      );
      const [failed] = await bench.publish(bench.message({ ttlMs, topic: 'laws.topic' }));
      const receiver = await bench.receiver();
      const all = await bench.take(receiver, 4);
      const delivery = all.find(({ id }) => id === failed);
      must(delivery !== undefined && all.some(({ id }) => id === live), 'those that live must come');
      await bench.settle(receiver, {
        kind: 'retry',
        delivery,
        delayMs: ttlMs + 200,
        failure: bench.failure(1),
      });
      await bench.ack(receiver, ...all.filter(({ id }) => id !== failed));
      await bench.publish(bench.message(), bench.message({ ttlMs: 200 }));
      await bench.time.pass(200 + 2 * bench.time.slackMs);
      await bench.ack(receiver, await bench.takeOne(receiver));
      await bench.silence(receiver, ttlMs + 300);
    },
    refuses: async (bench) => {
      const [result] = await bench.tryPublish(bench.message({ ttlMs: 100 }));
      mustEqual(result?.status, 'refused', 'the answer');
    },
  },
  {
    id: 'L1a',
    title: 'where not everything can be counted, what is ready and what is dead is',
    proves: ['depth'],
    gate: { needs: 'counts that are about right', met: ({ depth }) => depth === 'approx' },
    does: async (bench) => {
      await bench.publish(...bench.messages(6));
      await bench.readyIs(6);
      const receiver = await bench.receiver();
      const [a, b] = (await bench.take(receiver, 2)) as [Delivery, Delivery];
      await bench.settle(receiver, { kind: 'dead', delivery: b, failure: bench.failure(1) });
      await bench.readyIs(4);
      const { dead, inflight } = await bench.depth();
      mustEqual([dead, inflight], [1, 1], 'what is dead, and in flight in this process');
      await bench.ack(receiver, a, ...(await bench.take(receiver, 4)));
    },
  },
  {
    id: 'L1',
    title: 'ready, delayed, in flight and dead are counted exactly',
    proves: ['depth'],
    gate: { needs: 'exact counts', met: ({ depth }) => depth === 'exact' },
    does: async (bench) => {
      await bench.publish(...bench.messages(6));
      await bench.publish(...bench.messages(2, { delayMs: 3_600_000 }));
      const receiver = await bench.receiver();
      const [a, b, c] = await bench.take(receiver, 4);
      must(a !== undefined && b !== undefined && c !== undefined, 'four must come');
      await bench.ack(receiver, a);
      await bench.settle(receiver, { kind: 'dead', delivery: b, failure: bench.failure(1) });
      await bench.settle(receiver, { kind: 'release', delivery: c });
      const { ready, delayed, inflight, dead, oldestReadyMs } = await bench.depth();
      mustEqual(
        { ready, delayed, inflight, dead },
        { ready: 3, delayed: 2, inflight: 1, dead: 1 },
        'the depth',
      );
      must(oldestReadyMs !== undefined && oldestReadyMs >= 0, 'the oldest must have an age');
      await bench.inspect({ kind: 'purge', subscription: 'laws.subscription', state: 'delayed' });
      await bench.time.pass(LEASE_MS);
      await bench.ack(receiver, ...(await bench.take(receiver, 4)));
    },
  },
];
