import { join } from 'node:path';
import type { Contender, Workload } from '../contender.ts';
import { type Ends, latencyOf } from '../latency.ts';
import { loadSqlite } from '../library.ts';
import type { Meter } from '../meter.ts';
import { measurePublishes } from '../traffic.ts';
import { fill, measureConsumer, Pigeonpost, TOPIC } from './pigeonpost.ts';

async function open({ directory }: Pick<Workload, 'directory'>): Promise<Pigeonpost> {
  const { sqliteBackend } = await loadSqlite();
  const options = Object.assign(new sqliteBackend.optionsClass(), { file: join(directory, 'pigeonpost.db') });
  return Pigeonpost.open((ambient) => sqliteBackend.open('sqlite', options, ambient));
}

async function publish(load: Workload, meter: Meter): Promise<void> {
  const post = await open(load);
  await measurePublishes(load, meter, (data) => post.bus.publish(TOPIC, data));
  await post.close();
}

async function consume(load: Workload, meter: Meter): Promise<void> {
  const publisher = await open(load);
  await fill(load, publisher);
  await publisher.close();
  const consumer = await open(load);
  await measureConsumer(load, meter, consumer);
  await consumer.close();
}

export const ends: Ends = {
  async openPublisher(load) {
    const post = await open(load);
    return { publish: (data) => post.bus.publish(TOPIC, data), close: () => post.close() };
  },
  async openSubscriber(load, received) {
    const post = await open(load);
    const handle = (data: unknown): void => received(data as string);
    await post.subscribe({ concurrency: load.concurrency, handle, settled: () => {} });
    return post;
  },
};

/** Ours on a file, with its default options: write-ahead log, synchronous FULL. */
export const contender: Contender = {
  phases: { publish, consume, latency: latencyOf('sqlite-pigeonpost', ends) },
};
