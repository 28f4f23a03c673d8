import type { Contender, Workload } from './contender.ts';
import { type Ends, latencyOf } from './latency.ts';
import type { Meter } from './meter.ts';
import { Countdown, measureBulks, measurePublishes, publishInBulk } from './traffic.ts';

/** A queue outside this process, as one library offers it. */
export interface RemoteQueue {
  /** Resolves when the message is stored. */
  publish(data: unknown): unknown;
  /** In the best way that the library has for many. */
  publishMany(all: readonly unknown[]): unknown;
  /** Resolves when messages can come. */
  subscribe(subscribing: Subscribing): unknown;
  /** Resolves when everything handled is settled too, where `settled` is called before it is. */
  flush?(): unknown;
  close(): unknown;
}

export interface Subscribing {
  /** Handlers at once. */
  readonly concurrency: number;
  readonly handle: (data: unknown) => unknown;
  /** What became of one message is with the broker, or on its way as far as the library can tell. */
  readonly settled: () => void;
}

export type OpenQueue = (load: Workload) => Promise<RemoteQueue>;

/** Everything that is measured of a queue outside this process. */
export function remote(
  file: string,
  open: OpenQueue,
): { readonly contender: Contender; readonly ends: Ends } {
  const ends = endsOf(open);
  const phases = {
    publish: (load: Workload, meter: Meter) => publish(load, meter, open),
    bulk: (load: Workload, meter: Meter) => bulk(load, meter, open),
    consume: (load: Workload, meter: Meter) => consume(load, meter, open),
    latency: latencyOf(file, ends),
  };
  return { contender: { phases }, ends };
}

/** As `remote`, for a limit that knows only bulks: a publish of one is compared with them. */
export function remoteInBulk(file: string, open: OpenQueue): ReturnType<typeof remote> {
  const { contender, ends } = remote(file, open);
  const publish = (load: Workload, meter: Meter) => bulk(load, meter, open);
  return { contender: { phases: { ...contender.phases, publish } }, ends };
}

async function publish(load: Workload, meter: Meter, open: OpenQueue): Promise<void> {
  const queue = await open(load);
  await measurePublishes(load, meter, (data) => queue.publish(data));
  await queue.close();
}

async function bulk(load: Workload, meter: Meter, open: OpenQueue): Promise<void> {
  const queue = await open(load);
  await measureBulks(load, meter, (all) => queue.publishMany(all));
  await queue.close();
}

async function consume(load: Workload, meter: Meter, open: OpenQueue): Promise<void> {
  const publisher = await open(load);
  await fill(load, publisher);
  await publisher.close();
  const consumer = await open(load);
  await measureConsumer(load, meter, consumer);
  await consumer.close();
}

/** Publishes what a consume phase will find; not measured. */
export async function fill(load: Workload, queue: Pick<RemoteQueue, 'publishMany'>): Promise<void> {
  await publishInBulk(load, load.warmup + load.messages, (some) => queue.publishMany(some));
}

/** Handles and settles what `fill` has published; the meter starts when the warm-up is through. */
export async function measureConsumer(
  load: Workload,
  meter: Meter,
  queue: Pick<RemoteQueue, 'subscribe' | 'flush'>,
): Promise<void> {
  const all = load.warmup + load.messages;
  const settled = new Countdown(all);
  let handled = 0;
  const handle = async (): Promise<void> => {
    if (++handled === load.warmup) meter.start();
  };
  await queue.subscribe({ concurrency: load.concurrency, handle, settled: () => settled.tick() });
  await settled.done;
  await queue.flush?.();
  meter.stop(load.messages);
  if (handled !== all) throw new Error(`${handled} messages were handled instead of ${all}`);
}

function endsOf(open: OpenQueue): Ends {
  return {
    async openPublisher(load) {
      const queue = await open(load);
      return { publish: (data) => queue.publish(data), close: () => queue.close() };
    },
    async openSubscriber(load, received) {
      const queue = await open(load);
      const handle = async (data: unknown): Promise<void> => received(data as string);
      await queue.subscribe({ concurrency: load.concurrency, handle, settled: () => {} });
    },
  };
}
