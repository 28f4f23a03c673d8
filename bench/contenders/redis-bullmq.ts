import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

const JOB = 'bench';

interface Job {
  readonly data: unknown;
}

interface Bullmq {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly Worker: new (name: string, run: (job: Job) => unknown, options: object) => BullWorker;
}

interface BullQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: unknown): Promise<unknown>;
  addBulk(jobs: readonly { readonly name: string; readonly data: unknown }[]): Promise<unknown>;
  close(): Promise<void>;
}

interface BullWorker {
  waitUntilReady(): Promise<unknown>;
  on(event: 'completed', listener: () => void): void;
  close(): Promise<void>;
}

async function open(load: Workload): Promise<RemoteQueue> {
  const { Queue, Worker } = await loadPeer<Bullmq>('bullmq');
  const { url, name } = brokerOf(load);
  // A job that is done is removed, as a message of ours is.
  const options = {
    connection: { url, maxRetriesPerRequest: null },
    defaultJobOptions: { removeOnComplete: true },
  };
  const queue = new Queue(name, options);
  await queue.waitUntilReady();
  let worker: BullWorker | undefined;
  return {
    publish: (data) => queue.add(JOB, data),
    publishMany: (all) => queue.addBulk(all.map((data) => ({ name: JOB, data }))),
    subscribe: ({ concurrency, handle, settled }: Subscribing) => {
      worker = new Worker(name, ({ data }) => handle(data), { ...options, concurrency });
      worker.on('completed', settled);
      return worker.waitUntilReady();
    },
    close: () => Promise.all([queue.close(), worker?.close()]),
  };
}

/** BullMQ, as its documentation shows it. */
export const { contender, ends } = remote('redis-bullmq', open);
