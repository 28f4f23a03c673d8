import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';
import { BULK } from '../traffic.ts';

const TASK = 'bench';

interface Graphile {
  readonly Logger: new (log: () => () => void) => object;
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(task: string, payload: unknown): Promise<unknown>;
    addJobs(jobs: readonly { readonly identifier: string; readonly payload: unknown }[]): Promise<unknown>;
    release(): unknown;
  }>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
}

/** Its fastest settings by its own documentation: a local queue, and completions in batches. */
const FAST = { worker: { localQueue: { size: BULK }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } };

async function open(load: Workload): Promise<RemoteQueue> {
  const graphile = await loadPeer<Graphile>('graphile-worker');
  const connection = {
    connectionString: brokerOf(load).url,
    maxPoolSize: 10,
    logger: new graphile.Logger(() => () => {}),
  };
  const jobs = await graphile.makeWorkerUtils(connection);
  await jobs.migrate();
  let runner: { stop(): Promise<void> } | undefined;
  const stop = async (): Promise<void> => {
    await runner?.stop();
    runner = undefined;
  };
  return {
    publish: (payload) => jobs.addJob(TASK, { payload }),
    publishMany: (all) => jobs.addJobs(all.map((payload) => ({ identifier: TASK, payload: { payload } }))),
    subscribe: async ({ concurrency, handle, settled }: Subscribing) => {
      const bench = async ({ payload }: { payload: unknown }): Promise<void> => {
        await handle(payload);
        settled();
      };
      const options = { ...connection, concurrency, noHandleSignals: true, preset: FAST };
      runner = await graphile.run({ ...options, taskList: { [TASK]: bench } });
    },
    // It tells nobody when a batch of completions is stored; its stop waits for that.
    flush: stop,
    close: async () => {
      await stop();
      await jobs.release();
    },
  };
}

/** graphile-worker. */
export const { contender, ends } = remote('postgres-graphile', open);
