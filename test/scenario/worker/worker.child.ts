// A worker process: consumes with the real library and notes what it does.
//   node --import ./test/run-sources.mjs worker.child.ts '<WorkerOrder as JSON>'
import { type MessageContext, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { Consumer, resolvePolicies } from '@pigeonpost/queue/testing';
import { orderOf } from '../child-process.js';
import { Notebook } from '../notes.js';
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

const order = orderOf<WorkerOrder>();
const log = new Notebook<LogLine>(order.log);

function note(what: LogLine['what'], { id, attempt, crashes }: MessageContext): void {
  log.write({ what, id, attempt, crashes, pid: process.pid });
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
