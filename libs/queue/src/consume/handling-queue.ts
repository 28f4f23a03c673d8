import type { Handling } from '../interceptors/handling.js';

/** First in, first out, without moving anything per message. */
export class HandlingQueue {
  #items: (Handling | undefined)[] = [];
  #next = 0;

  get size(): number {
    return this.#items.length - this.#next;
  }

  push(handling: Handling): void {
    this.#items.push(handling);
  }

  shift(): Handling | undefined {
    if (this.#next === this.#items.length) return undefined;
    const handling = this.#items[this.#next];
    this.#items[this.#next++] = undefined;
    if (this.#next === this.#items.length) this.#clear();
    else if (this.#next === COMPACT_AT) this.#compact();
    return handling;
  }

  #clear(): void {
    this.#items.length = 0;
    this.#next = 0;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#next);
    this.#next = 0;
  }
}

const COMPACT_AT = 4096;
