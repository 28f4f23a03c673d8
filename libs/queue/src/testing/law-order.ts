import type { Backend, Receiver } from '../backend/backend.js';
import type { Depth } from '../backend/inspect.js';
import { type KeyOrder, STRICT_ORDER } from '../backend/key-order.js';
import type { Delivery } from '../message/delivery.js';
import { mustEqual } from './expectations.js';
import type { Gate } from './law.js';
import { type LawBench, LEASE_MS, SUBSCRIPTION, TOPIC } from './law-bench.js';

export const BY_KEY: Gate = { needs: 'an order by key', met: ({ order }) => order === 'key' };
export const BLOCKS_KEY: Gate = {
  needs: 'retries that block their key',
  met: ({ order, onRetry }) => order === 'key' && onRetry === 'block-key',
};
export const HOLDS_KEY: Gate = {
  needs: 'dead letters that hold their key',
  met: ({ order, onDead }) => order === 'key' && onDead === 'hold',
};

/** Gives the subscription of the law an order by key. */
export async function ensureOrder(bench: LawBench, order: KeyOrder = STRICT_ORDER): Promise<void> {
  await bench.backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC], order }] }, 'create');
}

export async function openOrdered(
  bench: LawBench,
  given: Partial<KeyOrder> = {},
  process: Backend = bench.backend,
): Promise<Receiver> {
  const order = { ...STRICT_ORDER, ...given };
  const receiver = await process.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: LEASE_MS, order });
  bench.onEnd(() => receiver.close());
  return receiver;
}

/** An ordered subscription, and a receiver of it. */
export async function openEnsured(bench: LawBench, given: Partial<KeyOrder> = {}): Promise<Receiver> {
  await ensureOrder(bench);
  return openOrdered(bench, given);
}

/** One message per name, its body: `a1` is the first one of key `a`; `-` has no key. */
export async function publishNamed(bench: LawBench, ...names: readonly string[]): Promise<void> {
  await bench.publish(...names.map((name) => bench.message({ key: keyIn(name), body: name })));
}

function keyIn(name: string): string | undefined {
  return name.startsWith('-') ? undefined : name.slice(0, 1);
}

export function nameOf({ body }: Pick<Delivery, 'body'>): string {
  return String(body);
}

/** Takes exactly what these names say, in any order, and answers in theirs; nothing more must be there to take. */
export async function takeNamed(
  bench: LawBench,
  receiver: Receiver,
  ...names: readonly string[]
): Promise<readonly Delivery[]> {
  const taken = await bench.take(receiver, names.length);
  mustEqual(taken.map(nameOf).toSorted(), names.toSorted(), 'what was handed out');
  await mustCount(bench, { ready: 0 });
  return names.map((name) => taken.find((delivery) => nameOf(delivery) === name) as Delivery);
}

/** Where a backend does not know it exactly, nothing is said: what is handed out shows the order. */
export async function mustCount(bench: LawBench, expected: Partial<Depth>): Promise<void> {
  if (bench.capabilities.depth !== 'exact') return;
  const depth = await bench.depth();
  for (const state of Object.keys(expected) as (keyof Depth)[]) {
    mustEqual(depth[state], expected[state], `what is ${state}`);
  }
}

/** Takes and acknowledges, one after the other. */
export async function drainNamed(
  bench: LawBench,
  receiver: Receiver,
  count: number,
): Promise<readonly string[]> {
  const names: string[] = [];
  while (names.length < count) {
    const delivery = await bench.takeOne(receiver);
    names.push(nameOf(delivery));
    await bench.ack(receiver, delivery);
  }
  return names;
}
