import type { Receiver } from '../../backend/backend.js';
import type { SubscriptionTopology } from '../../backend/topology.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, LEASE_MS } from '../law-bench.js';
import { ProcessView } from '../process-view.js';

const PRIVATE: SubscriptionTopology & { readonly expiresAfterMs: number } = {
  name: 'laws.private',
  topics: ['laws.private.topic'],
  expiresAfterMs: 6_000,
};
const EPHEMERAL: Gate = { needs: 'ephemeral subscriptions', met: ({ ephemeral }) => ephemeral };

/** F: subscriptions that go with the one who listens. */
export const EPHEMERAL_LAWS: readonly Law[] = [
  {
    id: 'F8',
    title: 'an ephemeral subscription leaves nothing behind when its receiver closes',
    proves: ['ephemeral'],
    gate: EPHEMERAL,
    does: async (bench) => {
      await ensurePrivate(bench);
      const receiver = await openPrivate(bench);
      await publishPrivate(bench, 3);
      const [kept, bad] = await bench.take(receiver, 2);
      must(kept !== undefined && bad !== undefined, 'two deliveries came');
      await bench.settle(receiver, { kind: 'dead', delivery: bad, failure: bench.failure(1) });
      await receiver.close();
      await receiver.close();
      await mustBeGone(bench);
      mustEqual(await bench.settle(receiver, { kind: 'ack', delivery: kept }), ['lost'], 'a late settlement');

      await ensurePrivate(bench);
      const { ready, inflight, dead } = await bench.depth(PRIVATE.name);
      mustEqual([ready, inflight, dead], [0, 0, 0], 'what a new one of that name holds');
      await openPrivate(bench);
    },
  },
  {
    id: 'F8a',
    title: 'an ephemeral subscription whose process died goes when it has expired, and not before',
    gate: EPHEMERAL,
    does: async (bench) => {
      await ensurePrivate(bench);
      const process = new ProcessView(await bench.connect());
      const receiver = await process.open({ ...PRIVATE, leaseMs: LEASE_MS });
      await publishPrivate(bench, 1);
      await bench.takeOne(receiver);
      process.kill();
      await bench.time.pass(PRIVATE.expiresAfterMs / 2);
      await bench.ensure({});
      mustEqual(await driftOfPrivate(bench), [], 'the drift before it has expired');
      await bench.time.pass(PRIVATE.expiresAfterMs);
      await bench.ensure({});
      bench.recorder.removed(PRIVATE.name);
      await mustBeGone(bench);
    },
  },
  {
    id: 'F8b',
    title: 'an ephemeral subscription stays as long as its receiver asks, however little comes',
    gate: EPHEMERAL,
    does: async (bench) => {
      await ensurePrivate(bench);
      const receiver = await openPrivate(bench);
      for (let times = 0; times < 3; times++) {
        await bench.silence(receiver, PRIVATE.expiresAfterMs - 1_000);
        await bench.ensure({});
      }
      const [id] = await publishPrivate(bench, 1);
      const delivery = await bench.takeOne(receiver);
      mustEqual(delivery.id, id, 'the delivery');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'F8c',
    title: 'whoever slept through the end of an ephemeral subscription is told, and is given no other one',
    gate: EPHEMERAL,
    does: async (bench) => {
      await ensurePrivate(bench);
      const receiver = await openPrivate(bench);
      await bench.time.pass(2 * PRIVATE.expiresAfterMs);
      await bench.ensure({ 'laws.next': PRIVATE.topics });
      bench.recorder.removed(PRIVATE.name);
      await publishPrivate(bench, 1);
      const answer: unknown = await receiver.receive(1, new AbortController().signal).catch((error) => error);
      mustEqual(codeOf(answer), 'unknown_subscription', 'the answer to its receive');
      const next = await bench.receiver('laws.next');
      await bench.ack(next, await bench.takeOne(next));
    },
  },
];

async function ensurePrivate(bench: LawBench): Promise<void> {
  await bench.backend.ensure({ subscriptions: [PRIVATE] }, 'create');
}

function driftOfPrivate(bench: LawBench): Promise<unknown> {
  return bench.backend.ensure({ subscriptions: [PRIVATE] }, 'check');
}

async function openPrivate(bench: LawBench): Promise<Receiver> {
  const receiver = await bench.backend.open({ ...PRIVATE, leaseMs: LEASE_MS });
  bench.onEnd(() => receiver.close());
  return receiver;
}

function publishPrivate(bench: LawBench, count: number): Promise<readonly string[]> {
  return bench.publish(...bench.messages(count, { topic: PRIVATE.topics[0] as string }));
}

async function mustBeGone(bench: LawBench): Promise<void> {
  const looked: unknown = await bench.depth(PRIVATE.name).catch((error: unknown) => error);
  mustEqual(codeOf(looked), 'unknown_subscription', 'the answer to who looks for it');
  const [result] = await bench.tryPublish(bench.message({ topic: PRIVATE.topics[0] as string }));
  mustEqual(result?.status, 'refused', 'a publish that only it would get');
}
