import type { Copy } from './memory.copy.js';

const SMALLEST = 16;

/** First in, first out, in an array that wraps around: no allocation per message, no shifting. */
export class CopyRing {
  #slots: (Copy | undefined)[] = emptySlots(SMALLEST);
  #mask = SMALLEST - 1;
  #head = 0;
  #count = 0;

  get size(): number {
    return this.#count;
  }

  push(copy: Copy): void {
    if (this.#count > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#count++) & this.#mask] = copy;
  }

  shift(): Copy | undefined {
    if (this.#count === 0) return undefined;
    const at = this.#head;
    const copy = this.#slots[at];
    this.#slots[at] = undefined;
    this.#head = (at + 1) & this.#mask;
    this.#count--;
    return copy;
  }

  *[Symbol.iterator](): Generator<Copy> {
    for (let offset = 0; offset < this.#count; offset++) {
      yield this.#slots[(this.#head + offset) & this.#mask] as Copy;
    }
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    const wider = emptySlots(size);
    for (let offset = 0; offset < this.#count; offset++) {
      wider[offset] = this.#slots[(this.#head + offset) & this.#mask];
    }
    this.#slots = wider;
    this.#mask = size - 1;
    this.#head = 0;
  }
}

function emptySlots(count: number): (Copy | undefined)[] {
  return Array.from({ length: count });
}
