// A worker process: consumes with the real library and notes what it does.
//   node --import ./test/run-sources.mjs worker.child.ts '<WorkerOrder as JSON>'
import { openSync, writeSync } from 'node:fs';
import { type MessageContext, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { Consumer, resolvePolicies } from '@pigeonpost/queue/testing';
import {
  CONCURRENCY,
  DRAIN_MS,
  LEASE_MS,
  type LogLine,
  MAX_CRASHES,
  type Pace,
  PREFETCH,
  SUBSCRIPTION,
  type WorkerOrder,
} from './worker.order.js';

const order = JSON.parse(process.argv[2] as string) as WorkerOrder;
const log = openSync(order.log, 'a');

/** At once and through the operating system, so that it outlives the process. */
function note(what: LogLine['what'], { id, attempt, crashes }: MessageContext): void {
  writeSync(log, `${JSON.stringify({ what, id, attempt, crashes, pid: process.pid })}\n`);
}

const work: Readonly<Record<Pace, (signal: AbortSignal) => unknown>> = {
  quick: () => new Promise((resolve) => setImmediate(resolve)),
  slow: halfASecond,
  endless: () => new Promise(() => {}),
  deadly: () => process.kill(process.pid, 'SIGKILL'),
};

function halfASecond(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 500);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

const { backend, store } = await sqliteBackend.open('main', { file: order.file }, systemAmbient);
const consumer = new Consumer({
  backend,
  store,
  subscription: SUBSCRIPTION.name,
  topics: SUBSCRIPTION.topics,
  handler: {
    name: 'Worker.handle',
    handle: async (context) => {
      note('start', context);
      await work[order.pace](context.signal);
      note('effect', context);
    },
  },
  interceptors: [],
  policies: resolvePolicies('Worker.handle', {
    concurrency: CONCURRENCY,
    prefetch: PREFETCH,
    leaseMs: LEASE_MS,
    maxCrashes: MAX_CRASHES,
  }),
  ambient: systemAmbient,
  host: `here:${process.pid}`,
  listener: { settled: () => {}, fault: () => {} },
});

process.once('SIGTERM', () => {
  void consumer
    .drain(DRAIN_MS)
    .then(() => backend.close(new Date(Date.now() + 500)))
    .then(() => store?.close());
});

await consumer.start();
