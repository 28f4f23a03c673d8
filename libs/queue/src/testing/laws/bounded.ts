import type { PublishResult } from '../../backend/backend.js';
import type { WhenFull } from '../../backend/bounds.js';
import { codeOf, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';

export const BOUNDS: Gate = { needs: 'bounds of subscriptions', met: ({ bounds }) => bounds };
/** What a backend without bounds does with them. */
export const refusesBounds: Law['does'] = async (bench) => {
  const refused = await bounded(bench, { kind: 'reject' }).then(
    () => 'created',
    (error: unknown) => codeOf(error),
  );
  mustEqual(refused, 'unsupported', 'the answer to a topology with bounds');
};

/** The bounded subscription of the laws, and how many messages it takes. */
export const FULL = 'laws.bounded';
export const BOUND = 5;

/** A bounded subscription beside the law's own, which is not. */
export async function bounded(bench: LawBench, whenFull: WhenFull): Promise<void> {
  const bounds = { maxMessages: BOUND, whenFull };
  await bench.backend.ensure({ subscriptions: [{ name: FULL, topics: [TOPIC], bounds }] }, 'create');
}

/** How many messages the bounded and the other subscription hold. */
export async function held(bench: LawBench): Promise<readonly number[]> {
  const depths = await Promise.all([FULL, SUBSCRIPTION].map((name) => bench.depth(name)));
  return depths.map(({ ready, delayed, inflight }) => ready + delayed + inflight);
}

export async function takeSome(bench: LawBench, count: number, name = FULL): Promise<void> {
  const receiver = await bench.receiver(name);
  await bench.ack(receiver, ...(await bench.take(receiver, count)));
  await receiver.close();
}

export async function emptied(bench: LawBench): Promise<void> {
  for (const name of [FULL, SUBSCRIPTION]) {
    const { ready } = await bench.depth(name);
    if (ready > 0) await takeSome(bench, ready, name);
  }
}

export function refusal(result: PublishResult | undefined): string {
  return result?.status === 'refused' ? codeOf(result.error) : String(result?.status);
}

export function marks(result: PublishResult | undefined): unknown {
  if (result?.status !== 'stored') return refusal(result);
  const { dropped, displaced } = result.pressure ?? {};
  return { copies: result.copies, dropped, displaced };
}
