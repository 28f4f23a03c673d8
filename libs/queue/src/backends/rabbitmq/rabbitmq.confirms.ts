import type { Sending } from './rabbitmq.sending.js';

/** Of the broker: about one message, or about all up to it. */
export interface Answer {
  readonly deliveryTag: number;
  readonly multiple: boolean;
}

/** Messages that were written to one channel and wait for their confirmation, in the order of their numbers. */
export class Confirms {
  /** By number, from `#first` on. */
  #waiting: (Sending | undefined)[] = [];
  #head = 0;
  #first = 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The broker counts what is written to a channel, from 1 on. */
  add(sending: Sending): void {
    this.#waiting.push(sending);
    this.#count++;
  }

  /** Calls `each` for what an answer is about: one message, or all up to it. */
  answered({ deliveryTag: tag, multiple: isMultiple }: Answer, each: (sending: Sending) => void): void {
    const at = this.#head + tag - this.#first;
    for (let index = isMultiple ? this.#head : at; index <= at; index++) {
      const sending = this.#waiting[index];
      if (sending === undefined) continue;
      this.#waiting[index] = undefined;
      this.#count--;
      each(sending);
    }
    this.#trim();
  }

  find(isIt: (sending: Sending) => boolean): Sending | undefined {
    return this.#waiting.find((sending) => sending !== undefined && isIt(sending));
  }

  /** Those that will never be answered. */
  takeAll(): readonly Sending[] {
    const all = this.#waiting.filter((sending) => sending !== undefined);
    this.#waiting = [];
    this.#count = 0;
    return all;
  }

  #trim(): void {
    while (this.#head < this.#waiting.length && this.#waiting[this.#head] === undefined) {
      this.#head++;
      this.#first++;
    }
    if (this.#head < 1_024 && this.#head < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
