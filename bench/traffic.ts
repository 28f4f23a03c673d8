import type { Workload } from './contender.ts';
import type { Meter } from './meter.ts';

/** Most messages published and not handled yet, where one process does both. */
const MAX_BACKLOG = 1024;

/** Bounds the backlog between publishers and handlers, in the same way for every contender. */
export class Gate {
  #backlog = 0;
  #reopened: Promise<void> | undefined;
  #reopen: (() => void) | undefined;

  /** undefined: come in. A promise: come again when it resolves. */
  enter(): Promise<void> | undefined {
    if (this.#backlog < MAX_BACKLOG) {
      this.#backlog++;
      return undefined;
    }
    this.#reopened ??= new Promise((resolve) => (this.#reopen = resolve));
    return this.#reopened;
  }

  /** Half the backlog goes before it opens again, so that publishers come in batches and not one by one. */
  leave(): void {
    if (--this.#backlog > MAX_BACKLOG / 2 || this.#reopen === undefined) return;
    this.#reopened = undefined;
    this.#reopen();
    this.#reopen = undefined;
  }
}

/** Counts to a number, once. */
export class Countdown {
  readonly done: Promise<void>;
  #left: number;
  #resolve!: () => void;

  constructor(count: number) {
    this.#left = count;
    this.done = new Promise((resolve) => (this.#resolve = resolve));
  }

  tick(): void {
    if (--this.#left === 0) this.#resolve();
  }
}

export type Publish = (data: unknown) => unknown;

/** Publishes `count` messages on `concurrency` lanes; each lane awaits one publish before the next. */
export async function publishAll(
  load: Workload,
  count: number,
  publish: Publish,
  gate?: Gate,
): Promise<void> {
  const data = payload(load);
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      for (let closed = gate?.enter(); closed !== undefined; closed = gate?.enter()) await closed;
      await publish(data);
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, lane));
}

/** The publish phase of anyone who can publish: warm up, then count. */
export async function measurePublishes(load: Workload, meter: Meter, publish: Publish): Promise<void> {
  await publishAll(load, load.warmup, publish);
  meter.start();
  await publishAll(load, load.messages, publish);
  meter.stop(load.messages);
}

/** Messages that the bulk phase publishes at once. */
export const BULK = 500;

export type PublishMany = (all: readonly unknown[]) => unknown;

/** Publishes `count` messages in bulks, one bulk after the other. */
export async function publishInBulk(load: Workload, count: number, publishMany: PublishMany): Promise<void> {
  const bulk = new Array<unknown>(BULK).fill(payload(load));
  for (let left = count; left > 0; left -= BULK) await publishMany(left < BULK ? bulk.slice(0, left) : bulk);
}

/** The bulk phase of anyone who can publish many. */
export async function measureBulks(load: Workload, meter: Meter, publishMany: PublishMany): Promise<void> {
  await publishInBulk(load, load.warmup, publishMany);
  meter.start();
  await publishInBulk(load, load.messages, publishMany);
  meter.stop(load.messages);
}

/** What is published: text, or a small object around it. Its JSON takes `bytes` bytes. */
export function payload({ bytes, payload: shape }: Pick<Workload, 'bytes' | 'payload'>): unknown {
  if (shape === 'text') return text(bytes - 2);
  const rest = { id: 4711, kind: 'push', tags: ['a', 'b'], at: 1_700_000_000, note: '' };
  return { ...rest, note: text(Math.max(0, bytes - JSON.stringify(rest).length)) };
}

function text(length: number): string {
  return 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(length / 45)).slice(0, length);
}
