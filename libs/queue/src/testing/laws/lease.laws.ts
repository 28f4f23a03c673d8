import type { Delivery } from '../../message/delivery.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { LEASE_MS, SUBSCRIPTION } from '../law-bench.js';
import { ProcessView } from '../process-view.js';
import { turns } from '../virtual-clock.js';

const LEASE: Gate = { needs: 'leases', met: ({ lease }) => lease !== false };
const EXTEND: Gate = {
  needs: 'leases that can be extended',
  met: ({ lease }) => lease !== false && lease.extend,
};

const HOLD: Gate = {
  needs: 'a limit of the time that a message can be held',
  met: ({ lease }) => lease !== false && lease.holdMs !== undefined,
};

const HOUR_MS = 3_600_000;

/** G at the seam: one holder at a time, for as long as its lease. */
export const LEASE_LAWS: readonly Law[] = [
  {
    id: 'B4b',
    title: 'all of what was abandoned comes again, however much it is',
    proves: ['ack', 'lease'],
    gate: LEASE,
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(40));
      const first = await bench.receiver();
      await bench.take(first, 40);
      await first.close();
      const second = await bench.receiver();
      const again = await bench.take(second, 40, 3 * LEASE_MS);
      mustEqual(again.map(({ id }) => id).sort(), [...ids].sort(), 'what comes again');
      await bench.ack(second, ...again);
    },
  },
  {
    id: 'G1a',
    title: 'a lease that is extended in time keeps everybody else away',
    proves: ['lease'],
    gate: EXTEND,
    does: async (bench) => {
      await bench.publish(bench.message());
      const [holder, other] = [await bench.receiver(), await bench.receiver()];
      const delivery = await bench.takeOne(holder);
      for (let round = 0; round < 4; round++) {
        await bench.silence(other, LEASE_MS / 2);
        const act = { kind: 'extend', delivery, leaseMs: LEASE_MS } as const;
        mustEqual(await bench.settle(holder, act), ['ok'], 'the answer');
      }
      await bench.ack(holder, delivery);
    },
  },
  {
    id: 'G2a',
    title: 'what a killed process held comes to another one, no earlier than its lease ends',
    proves: ['lease', 'attempts'],
    gate: LEASE,
    does: async (bench) => {
      const [id] = await bench.publish(bench.message());
      const doomed = new ProcessView(await bench.connect());
      const doomedReceiver = await doomed.open({ name: 'laws.subscription', topics: [], leaseMs: LEASE_MS });
      bench.onEnd(() => doomedReceiver.close());
      const askedAt = bench.time.clock.mono(); // its lease has not begun before
      await bench.takeOne(doomedReceiver);
      doomed.kill();
      const heir = await bench.receiver();
      const delivery = await bench.takeOne(heir, 3 * LEASE_MS);
      const afterMs = bench.time.clock.mono() - askedAt;
      must(
        afterMs >= LEASE_MS - bench.time.slackMs / 8,
        `it came after ${afterMs} ms, its lease was ${LEASE_MS} ms`,
      );
      mustEqual([delivery.id, delivery.attempt, delivery.crashes], [id, 2, 1], 'id, attempt and crashes');
      await bench.ack(heir, delivery);
    },
  },
  {
    id: 'G4',
    title: 'a lease beyond the maximum is refused, and the one at hand stays',
    proves: ['lease'],
    gate: EXTEND,
    does: async (bench) => {
      const { lease } = bench.capabilities;
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      const leaseMs = (lease === false ? 0 : lease.maxMs) + 1;
      const [result] = await bench.settle(receiver, { kind: 'extend', delivery, leaseMs });
      mustEqual(codeOf(result), 'unsupported', 'the answer');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'G10',
    title: 'a message is held for no longer in all than is said, however often its lease is renewed',
    proves: ['lease'],
    gate: HOLD,
    does: async (bench) => {
      const { lease } = bench.capabilities;
      const holdMs = lease === false ? 0 : (lease.holdMs ?? 0);
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await bench.time.pass(LEASE_MS / 4);
      const extend = (leaseMs: number) => bench.settle(receiver, { kind: 'extend', delivery, leaseMs });
      const [beyond] = await extend(holdMs - LEASE_MS / 8);
      mustEqual(codeOf(beyond), 'unsupported', 'the answer to a renewal that ends too late');
      mustEqual(await extend(holdMs - LEASE_MS), ['ok'], 'the answer to one that ends in time');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'G7',
    title: 'a client whose clock is an hour wrong changes nothing',
    gate: { needs: 'clients on several hosts', met: ({ hosts }) => hosts === 'many' },
    does: async (bench) => {
      const [fast, slow] = [await bench.connectSkewed(HOUR_MS), await bench.connectSkewed(-HOUR_MS)];
      const spec = { name: SUBSCRIPTION, topics: [], leaseMs: LEASE_MS };
      const [first, second] = [await fast.open(spec), await slow.open(spec)];
      bench.onEnd(() => first.close());
      bench.onEnd(() => second.close());
      const [soon, mortal] = [bench.message({ delayMs: 300 }), bench.message({ ttlMs: HOUR_MS / 2 })];
      for (const result of [...(await slow.publish([soon])), ...(await fast.publish([mortal]))]) {
        mustEqual(result.status, 'stored', 'the answer to a publish');
      }
      const publishedAt = bench.time.clock.mono();
      const held = await bench.takeOne(first);
      mustEqual(held.id, mortal.id, 'what comes first: what lives for half an hour');
      const delayed = await bench.takeOne(first);
      const tookMs = bench.time.clock.mono() - publishedAt;
      must(delayed.id === soon.id && tookMs < 300 + bench.time.latestMs, `the delay took ${tookMs} ms`);
      await bench.ack(first, delayed);
      await bench.silence(second, LEASE_MS / 2);
      const again = await bench.takeOne(second, 3 * LEASE_MS);
      mustEqual([again.id, again.crashes], [mortal.id, 1], 'what comes when the lease has ended');
      mustEqual(
        await bench.settle(first, { kind: 'ack', delivery: held }),
        ['lost'],
        'what the first is told',
      );
      await bench.ack(second, again);
    },
  },
  {
    id: 'G8',
    title: 'twenty claimers and one expired lease: one winner',
    proves: ['lease'],
    gate: LEASE,
    does: async (bench) => {
      await bench.publish(bench.message());
      const first = await bench.receiver();
      await bench.takeOne(first);
      await first.close();
      const abort = new AbortController();
      const won: { readonly delivery: Delivery; readonly at: number }[] = [];
      const claimers = await Promise.all(Array.from({ length: 20 }, () => bench.receiver()));
      const claims = claimers.map(async (receiver, at) => {
        while (!abort.signal.aborted) {
          for (const delivery of await receiver.receive(1, abort.signal)) won.push({ delivery, at });
          await turns(1);
        }
      });
      await bench.time.until(() => won.length > 0, 3 * LEASE_MS);
      await bench.time.pass(LEASE_MS / 3);
      await bench.endReceives(abort, Promise.all(claims));
      mustEqual(won.length, 1, 'the number of winners');
      const [winner] = won;
      if (winner === undefined) return;
      await bench.ack(claimers[winner.at] as (typeof claimers)[number], winner.delivery);
    },
  },
];
