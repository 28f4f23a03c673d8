import { fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure, Workload } from './contender.ts';
import { payload } from './traffic.ts';

/** Both ends of a contender, each in a process of its own. */
export interface Ends {
  openPublisher(load: Workload): Promise<{ publish(data: string): unknown; close(): unknown }>;
  /** Resolves when messages can come, until the process ends. */
  openSubscriber(load: Workload, received: (data: string) => void): Promise<unknown>;
}

export interface SubscriberJob {
  readonly contender: string;
  readonly load: Workload;
}

export type SubscriberReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly latencies: readonly number[]; readonly cpuSeconds: number };

/** About 100 messages a second, at moments that no poll can fall in step with. */
const pause = (): Promise<void> => sleep(5 + Math.random() * 10);

/** Publishes from this process to a subscriber in another, and takes the time between. */
export function latencyOf(contender: string, ends: Ends): Measure {
  return async (load, meter) => {
    const publisher = await ends.openPublisher(load);
    const subscriber = await startSubscriber({ contender, load });
    const text = payload({ ...load, payload: 'text' }) as string;
    meter.start();
    for (let left = load.warmup + load.messages; left > 0; left--) {
      await pause();
      await publisher.publish(`${process.hrtime.bigint()} ${text}`);
    }
    const { latencies, cpuSeconds } = await subscriber.done;
    meter.stop(load.warmup + load.messages, { latencies, cpuSeconds });
    await publisher.close();
  };
}

type Done = Extract<SubscriberReport, { kind: 'done' }>;

async function startSubscriber(job: SubscriberJob): Promise<{ readonly done: Promise<Done> }> {
  const child = fork(join(import.meta.dirname, 'subscriber.ts'), { execArgv: [] });
  const done = new Promise<Done>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the subscriber ended without its report')));
    child.on('message', (report: SubscriberReport) => {
      if (report.kind === 'done') resolve(report);
    });
  });
  const ready = new Promise<void>((resolve) => child.once('message', () => resolve()));
  child.send(job);
  await Promise.race([ready, done]);
  return { done };
}
