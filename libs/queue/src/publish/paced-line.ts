import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Line } from './back-pressure.js';

interface Waiter {
  readonly message: Outgoing;
  readonly end: (result: PublishResult | Promise<PublishResult>) => void;
}

/** Publishers that go one by one, a fixed time apart, until an answer says that there is room again. */
export class PacedLine implements Line {
  #waiters: Waiter[] = [];
  #nextAt: number;
  #cancel: CancelTimer | undefined;
  #isCrowded = true;
  readonly #apartMs: number;

  constructor(
    private readonly options: { clock: Clock; send: (message: Outgoing) => Promise<PublishResult> },
    perSecond: number,
  ) {
    this.#apartMs = 1_000 / perSecond;
    this.#nextAt = options.clock.mono() + this.#apartMs;
  }

  get isOver(): boolean {
    return this.#waiters.length === 0 && !this.#isCrowded;
  }

  join(message: Outgoing): Promise<PublishResult> {
    return new Promise((resolve) => {
      this.#waiters.push({ message, end: resolve });
      if (this.#cancel === undefined) this.#waitForTurn();
    });
  }

  close(refusal: () => PublishResult): void {
    this.#cancel?.();
    for (const { end } of this.#waiters.splice(0)) end(refusal());
  }

  #waitForTurn(): void {
    const { clock } = this.options;
    this.#cancel = clock.timer(Math.max(0, this.#nextAt - clock.mono()), this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#cancel = undefined;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    this.#nextAt = this.options.clock.mono() + this.#apartMs;
    waiter.end(this.#send(waiter.message));
    if (this.#waiters.length > 0) this.#waitForTurn();
  };

  async #send(message: Outgoing): Promise<PublishResult> {
    const result = await this.options.send(message);
    this.#isCrowded = result.status === 'stored' && result.pressure?.perSecond !== undefined;
    if (!this.#isCrowded) this.#letAllGo();
    return result;
  }

  #letAllGo(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const { message, end } of this.#waiters.splice(0)) end(this.#send(message));
  }
}
