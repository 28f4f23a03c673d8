/** First in, first out, without moving the rest at each step. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head++];
    if (this.#head === this.#items.length || this.#head >= 1_024) this.#trim();
    return item;
  }

  /** All that is left, which goes with it. */
  drain(): T[] {
    const left = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return left;
  }

  /** Without taking. */
  list(): readonly T[] {
    return this.#items.slice(this.#head);
  }

  #trim(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
