import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

interface BeeJob {
  readonly data: unknown;
  save(): Promise<unknown>;
}

interface BeeQueue {
  ready(): Promise<unknown>;
  createJob(data: unknown): BeeJob;
  saveAll(jobs: readonly BeeJob[]): Promise<ReadonlyMap<BeeJob, Error>>;
  process(concurrency: number, run: (job: BeeJob) => unknown): void;
  on(event: 'succeeded', listener: () => void): void;
  close(): Promise<void>;
}

interface BeeModule {
  readonly default: new (name: string, options: object) => BeeQueue;
}

async function open(load: Workload): Promise<RemoteQueue> {
  const { default: Queue } = await loadPeer<BeeModule>('bee-queue');
  const { url, name } = brokerOf(load);
  // What nobody here listens to is off, which its documentation recommends for speed.
  const quiet = { getEvents: false, sendEvents: false, storeJobs: false, removeOnSuccess: true };
  const queue = new Queue(name, { redis: { url }, ...quiet });
  await queue.ready();
  return {
    publish: (data) => queue.createJob(data).save(),
    publishMany: async (all) => {
      const failed = await queue.saveAll(all.map((data) => queue.createJob(data)));
      for (const error of failed.values()) throw error;
    },
    subscribe: ({ concurrency, handle, settled }: Subscribing) => {
      queue.on('succeeded', settled);
      queue.process(concurrency, ({ data }) => handle(data));
    },
    close: () => queue.close(),
  };
}

/** bee-queue: fewer features than BullMQ, and faster. */
export const { contender, ends } = remote('redis-bee-queue', open);
