import type { Contender, Workload } from '../contender.ts';
import type { Meter } from '../meter.ts';
import { Countdown, Gate, measurePublishes, publishAll } from '../traffic.ts';

type Handler = (data: unknown) => Promise<void>;

/** The least that a queue of promises can be: an array that grows and is walked, and lanes that await a handler. */
class Ring {
  readonly #concurrency: number;
  readonly #handler: Handler;
  #items: unknown[] = [];
  #next = 0;
  #running = 0;
  #started = false;

  constructor(concurrency: number, handler: Handler) {
    this.#concurrency = concurrency;
    this.#handler = handler;
  }

  push(item: unknown): Promise<void> {
    this.#items.push(item);
    if (!this.#started) {
      this.#started = true;
      setImmediate(this.#start);
    }
    return ACCEPTED;
  }

  /** In the next turn: a lane for each message that comes alone would cost more than the message. */
  readonly #start = (): void => {
    this.#started = false;
    while (this.#running < this.#concurrency && this.#next < this.#items.length) void this.#lane();
  };

  async #lane(): Promise<void> {
    this.#running++;
    while (this.#next < this.#items.length) {
      const item = this.#items[this.#next];
      this.#items[this.#next++] = undefined;
      if (this.#next === this.#items.length) this.#rewind();
      await this.#handler(item);
    }
    this.#running--;
  }

  #rewind(): void {
    this.#items.length = 0;
    this.#next = 0;
  }
}

const ACCEPTED = Promise.resolve();

async function publish(load: Workload, meter: Meter): Promise<void> {
  const ring = new Ring(0, () => ACCEPTED);
  await measurePublishes(load, meter, (data) => ring.push(data));
}

async function consume(load: Workload, meter: Meter): Promise<void> {
  const handled = new Countdown(load.warmup + load.messages);
  let count = 0;
  const ring = new Ring(load.concurrency, async () => {
    if (++count === load.warmup) meter.start();
    handled.tick();
  });
  for (let left = load.warmup + load.messages; left > 0; left--) void ring.push(left);
  await handled.done;
  meter.stop(load.messages);
}

async function publishAndHandle(load: Workload, meter: Meter): Promise<void> {
  const gate = new Gate();
  let handled = new Countdown(load.warmup);
  const ring = new Ring(load.concurrency, async () => {
    gate.leave();
    handled.tick();
  });
  await publishAll(load, load.warmup, (data) => ring.push(data), gate);
  await handled.done;
  handled = new Countdown(load.messages);
  meter.start();
  await publishAll(load, load.messages, (data) => ring.push(data), gate);
  await handled.done;
  meter.stop(load.messages);
}

/** The limit in one process: a plain queue of promises. Keeps nothing, promises nothing. */
export const contender: Contender = { phases: { publish, consume, 'publish+handle': publishAndHandle } };
