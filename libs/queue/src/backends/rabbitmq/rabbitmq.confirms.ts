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
  #owedSince = 0;

  get count(): number {
    return this.#count;
  }

  /** Since when the broker has answered nothing although it has something to answer; monotonic ms. undefined: it has not. */
  get owedSince(): number | undefined {
    return this.#count === 0 ? undefined : this.#owedSince;
  }

  get oldest(): Sending | undefined {
    return this.#waiting[this.#head];
  }

  /** It could not answer before. */
  owedFrom(nowMs: number): void {
    this.#owedSince = nowMs;
  }

  /** The broker counts what is written to a channel, from 1 on. */
  add(sending: Sending, nowMs: number): void {
    if (this.#count === 0) this.#owedSince = nowMs;
    this.#waiting.push(sending);
    this.#count++;
  }

  /** What an answer is about: one message, or all up to it. */
  answered({ deliveryTag: tag, multiple: isMultiple }: Answer, nowMs: number): readonly Sending[] {
    this.#owedSince = nowMs;
    const found: Sending[] = [];
    const at = this.#head + tag - this.#first;
    for (let index = isMultiple ? this.#head : at; index <= at; index++) {
      const sending = this.#waiting[index];
      if (sending === undefined) continue;
      this.#waiting[index] = undefined;
      this.#count--;
      found.push(sending);
    }
    this.#trim();
    return found;
  }

  find(isIt: (sending: Sending) => boolean): Sending | undefined {
    return this.#waiting.find((sending) => sending !== undefined && isIt(sending));
  }

  list(): readonly Sending[] {
    return this.#waiting.filter((sending) => sending !== undefined);
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
