import { type Contender, loadPeer, type Workload } from '../contender.ts';
import type { Meter } from '../meter.ts';
import { Countdown, Gate, publishAll } from '../traffic.ts';

type Worker = (data: unknown) => Promise<void>;

interface Fastq {
  readonly default: {
    promise(worker: Worker, concurrency: number): { push(data: unknown): Promise<void> };
  };
}

async function publishAndHandle(load: Workload, meter: Meter): Promise<void> {
  const { default: fastq } = await loadPeer<Fastq>('fastq');
  const gate = new Gate();
  let handled = new Countdown(load.warmup);
  const queue = fastq.promise(async () => {
    gate.leave();
    handled.tick();
  }, load.concurrency);
  // Its promise is the handler's, so a lane has one task in the queue at a time: for fastq, the faster way.
  const push = (data: unknown): Promise<void> => queue.push(data);
  await publishAll(load, load.warmup, push, gate);
  await handled.done;
  handled = new Countdown(load.messages);
  meter.start();
  await publishAll(load, load.messages, push, gate);
  await handled.done;
  meter.stop(load.messages);
}

/** fastq.promise, the fastest in-process queue of promises on npm. */
export const contender: Contender = { phases: { 'publish+handle': publishAndHandle } };
