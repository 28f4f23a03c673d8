import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';
import { BULK } from '../traffic.ts';

const QUEUE = 'bench';
/** Batches at once, and not jobs: a worker of one job at a time asks for each of them. */
const WORKERS = 2;

interface Job {
  readonly data: { readonly payload: unknown };
}

interface Boss {
  on(event: 'error', listener: (error: unknown) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string, options: object): Promise<unknown>;
  send(name: string, data: object): Promise<unknown>;
  insert(name: string, jobs: readonly { readonly data: object }[]): Promise<unknown>;
  work(name: string, options: object, run: (jobs: readonly Job[]) => Promise<void>): Promise<unknown>;
  offWork(name: string): Promise<void>;
  stop(options: object): Promise<void>;
}

interface PgBoss {
  readonly PgBoss: new (options: object) => Boss;
}

const WORK = {
  batchSize: BULK,
  localConcurrency: WORKERS,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
};

async function open(load: Workload): Promise<RemoteQueue> {
  const { PgBoss } = await loadPeer<PgBoss>('pg-boss');
  const options = { connectionString: brokerOf(load).url, useListenNotify: true, schedule: false };
  const boss = new PgBoss(options);
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  return {
    publish: (payload) => boss.send(QUEUE, { payload }),
    publishMany: (all) =>
      boss.insert(
        QUEUE,
        all.map((payload) => ({ data: { payload } })),
      ),
    subscribe: ({ handle, settled }: Subscribing) =>
      boss.work(QUEUE, WORK, async (jobs) => {
        for (const { data } of jobs) await handle(data.payload);
        for (let left = jobs.length; left > 0; left--) settled();
      }),
    // A batch is completed after its handler; a worker stops only then.
    flush: () => boss.offWork(QUEUE),
    close: () => boss.stop({ graceful: false }),
  };
}

/** pg-boss. What is done stays in its table, marked. */
export const { contender, ends } = remote('postgres-pg-boss', open);
