import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { Handling } from '../interceptors/handling.js';

export interface HeldOptions {
  readonly clock: Clock;
  readonly leaseMs: number;
  /**
   * Called at every sweep with the time, and how late that is; answers when it needs the next one at the latest, in
   * monotonic ms.
   */
  readonly sweep: (nowMs: number, lateMs: number) => number;
}

/**
 * Every delivery of one consumer between its receipt and the answer to its settlement: a linked list through the
 * handlings themselves, and one timer for all of them, armed only while there are any.
 */
export class HeldDeliveries {
  #first: Handling | undefined;
  #count = 0;
  #cancel: CancelTimer | undefined;
  #armedFor = Infinity;

  constructor(private readonly options: HeldOptions) {}

  get count(): number {
    return this.#count;
  }

  hold(handling: Handling): void {
    handling.following = this.#first;
    if (this.#first !== undefined) this.#first.previous = handling;
    this.#first = handling;
    this.#count++;
    if (this.#cancel === undefined) this.#arm(handling.receivedAt + this.options.leaseMs / 3);
  }

  drop(handling: Handling): void {
    const { previous, following } = handling;
    if (previous !== undefined) previous.following = following;
    else if (this.#first === handling) this.#first = following;
    else return; // dropped before
    if (following !== undefined) following.previous = previous;
    handling.previous = handling.following = undefined;
    this.#count--;
  }

  /** Makes sure that the sweep runs when this handling's deadline passes. */
  watch(handling: Handling): void {
    if (handling.deadlineAt < this.#armedFor) this.#arm(handling.deadlineAt);
  }

  *[Symbol.iterator](): Iterator<Handling> {
    for (let at = this.#first; at !== undefined;) {
      const next = at.following;
      yield at;
      at = next;
    }
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Infinity;
  }

  #arm(at: number): void {
    this.#cancel?.();
    this.#armedFor = at;
    this.#cancel = this.options.clock.timer(at - this.options.clock.mono(), this.#onTimer);
  }

  readonly #onTimer = (): void => {
    const nowMs = this.options.clock.mono();
    const lateMs = nowMs - this.#armedFor;
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    if (this.#count > 0) this.#arm(this.options.sweep(nowMs, lateMs));
  };
}
