import type { Contender, Workload } from '../contender.ts';
import type { Meter } from '../meter.ts';
import { fill, measureConsumer } from '../remote.ts';
import { Countdown, Gate, measurePublishes, publishAll } from '../traffic.ts';
import { Pigeonpost } from './pigeonpost.ts';

async function publish(load: Workload, meter: Meter): Promise<void> {
  const post = await Pigeonpost.open('memory');
  await measurePublishes(load, meter, (data) => post.publish(data));
}

async function consume(load: Workload, meter: Meter): Promise<void> {
  const post = await Pigeonpost.open('memory');
  await fill(load, post);
  await measureConsumer(load, meter, post);
  await post.close();
}

async function publishAndHandle(load: Workload, meter: Meter): Promise<void> {
  const post = await Pigeonpost.open('memory');
  const gate = new Gate();
  let settled = new Countdown(load.warmup);
  const handle = async (): Promise<void> => gate.leave();
  await post.subscribe({ concurrency: load.concurrency, handle, settled: () => settled.tick() });
  const send = async (count: number): Promise<void> => {
    settled = new Countdown(count);
    await publishAll(load, count, (data) => post.publish(data), gate);
    await settled.done;
  };
  await send(load.warmup);
  meter.start();
  await send(load.messages);
  meter.stop(load.messages);
  await post.close();
}

/** Ours, in one process. */
export const contender: Contender = { phases: { publish, consume, 'publish+handle': publishAndHandle } };
