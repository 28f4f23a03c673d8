import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { Fifo } from './rabbitmq.fifo.js';
import type { SendingBatch } from './rabbitmq.sending.js';

/** What is waited for, in the order of its deadlines since all have the same time. One timer for all. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #due: (nowMs: number) => void;
  readonly #batches = new Fifo<SendingBatch>();
  #cancel: CancelTimer | undefined;

  /** `due` ends all that is late by the monotonic clock. */
  constructor(clock: Clock, due: (nowMs: number) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  expect(batch: SendingBatch): void {
    this.#forgetOver();
    this.#batches.push(batch);
    if (this.#cancel === undefined) this.#arm(batch.endsAt - this.#clock.mono());
  }

  stop(): void {
    this.#cancel?.();
  }

  #forgetOver(): void {
    while (this.#batches.first?.isOver === true) this.#batches.shift();
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.timer(ms, () => this.#check());
  }

  #check(): void {
    this.#cancel = undefined;
    const nowMs = this.#clock.mono();
    this.#due(nowMs);
    this.#forgetOver();
    const next = this.#batches.first;
    if (next !== undefined) this.#arm(next.endsAt - nowMs);
  }
}
