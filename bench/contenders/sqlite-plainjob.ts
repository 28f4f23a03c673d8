import { join } from 'node:path';
import { type Contender, loadPeer, type Workload } from '../contender.ts';
import type { Meter } from '../meter.ts';
import { Countdown, payload } from '../traffic.ts';

const TYPE = 'bench';
const ignore = (): void => {};
const logger = { error: console.error, warn: ignore, info: ignore, debug: ignore };

interface Queue {
  add(type: string, data: unknown): unknown;
  addMany(type: string, data: unknown[]): unknown;
  close(): void;
}

interface Plainjob {
  better(database: object): object;
  defineQueue(options: { connection: object; logger: object }): Queue;
  defineWorker(
    type: string,
    run: (job: { data: string }) => Promise<void>,
    options: { queue: Queue; logger: object; onCompleted: () => void },
  ): { start(): Promise<void>; stop(): Promise<void> };
}

interface BetterSqlite {
  readonly default: new (file: string) => { pragma(text: string): unknown };
}

async function open(load: Workload): Promise<{ plainjob: Plainjob; queue: Queue }> {
  const plainjob = await loadPeer<Plainjob>('plainjob');
  const { default: Database } = await loadPeer<BetterSqlite>('better-sqlite3');
  const database = new Database(join(load.directory, 'plainjob.db'));
  const queue = plainjob.defineQueue({ connection: plainjob.better(database), logger });
  // It sets NORMAL by itself; a stored job shall survive a power cut, as ours does.
  database.pragma('synchronous = FULL');
  return { plainjob, queue };
}

async function publish(load: Workload, meter: Meter): Promise<void> {
  const { queue } = await open(load);
  const data = payload(load);
  const add = (count: number): void => {
    for (let left = count; left > 0; left--) queue.add(TYPE, data);
  };
  add(load.warmup);
  meter.start();
  add(load.messages);
  meter.stop(load.messages);
  queue.close();
}

async function consume(load: Workload, meter: Meter): Promise<void> {
  const { plainjob, queue } = await open(load);
  queue.addMany(TYPE, new Array(load.warmup + load.messages).fill(payload(load)));
  const done = new Countdown(load.warmup + load.messages);
  let handled = 0;
  const run = async (job: { data: string }): Promise<void> => {
    JSON.parse(job.data);
    if (++handled === load.warmup) meter.start();
  };
  const worker = plainjob.defineWorker(TYPE, run, { queue, logger, onCompleted: () => done.tick() });
  const running = worker.start();
  await done.done;
  meter.stop(load.messages);
  await worker.stop();
  await running;
  queue.close();
}

/** plainjob on better-sqlite3: adds are synchronous, and jobs run one at a time whatever the concurrency. */
export const contender: Contender = { phases: { publish, consume } };
