// A worker process with several consumers of one ordered subscription.
//   node --import ./test/run-sources.mjs ordering.child.ts '<OrderingOrder as JSON>'
import { existsSync } from 'node:fs';
import { fixed, type MessageContext, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { Consumer, resolvePolicies } from '@pigeonpost/queue/testing';
import { orderOf } from '../child-process.js';
import { Notebook } from '../notes.js';
import {
  CONCURRENCY,
  CONSUMERS,
  type Effect,
  LEASE_MS,
  type OrderingOrder,
  POISON,
  SUBSCRIPTION,
} from './ordering.order.js';

const order = orderOf<OrderingOrder>();
const log = new Notebook<Effect>(order.log);

class Transient extends Error {}

/** Fails now and then at the first attempt; its effect is written through the operating system, and outlives the process. */
async function handle({ key = '', data, attempt }: MessageContext): Promise<void> {
  const number = data as number;
  await new Promise((resolve) => setImmediate(resolve));
  if (attempt === 1 && number % 100 === 7) throw new Transient('the first attempt fails');
  if (key === POISON.key && number === POISON.number && !existsSync(order.mended)) {
    throw new Transient('not mended yet');
  }
  log.write({ key, number, pid: process.pid });
}

const options = { file: order.file, synchronous: 'NORMAL' } as const;
const { backend, store } = await sqliteBackend.open('main', options, systemAmbient);
const policies = resolvePolicies('Ledger.handle', {
  concurrency: CONCURRENCY,
  prefetch: 0,
  leaseMs: LEASE_MS,
  order: SUBSCRIPTION.order,
  retry: { attempts: 3, backoff: fixed(20), never: [], only: undefined },
});
const consumers = Array.from(
  { length: CONSUMERS },
  () =>
    new Consumer({
      backend,
      store,
      subscription: SUBSCRIPTION.name,
      topics: SUBSCRIPTION.topics,
      handler: { name: 'Ledger.handle', handle },
      interceptors: [],
      policies,
      ambient: systemAmbient,
      host: `here:${process.pid}`,
      listener: { settled: () => {}, fault: () => {} },
    }),
);

process.once('SIGTERM', () => {
  void Promise.all(consumers.map((consumer) => consumer.drain(3_000)))
    .then(() => backend.close(new Date(Date.now() + 500)))
    .then(() => store?.close());
});

for (const consumer of consumers) await consumer.start();
