import type { Copy } from './memory.copy.js';
import { CopyHeap } from './memory.heap.js';
import { CopyRing } from './memory.ring.js';

/** Copies of one level of priority, ready to be handed out. Removed ones stay until their turn comes. */
export class Line {
  readonly #arrived = new CopyRing();
  /** Given back; each goes before everything that came after it. */
  readonly #returned = new CopyHeap();

  /** `copy.place` is set, and higher than all before. */
  push(copy: Copy): void {
    this.#arrived.push(copy);
  }

  /** Back to its old place. */
  putBack(copy: Copy): void {
    this.#returned.push(copy.place, copy);
  }

  shift(): Copy | undefined {
    return this.#returned.size > 0 ? this.#returned.shift() : this.#arrived.shift();
  }

  /** In the order they would be handed out. */
  *[Symbol.iterator](): Generator<Copy> {
    for (const copy of this.#returned) if (!copy.removed) yield copy;
    for (const copy of this.#arrived) if (!copy.removed) yield copy;
  }
}

/** A line per level above the lowest, each made when its first copy comes. */
export class UrgentLines {
  /** By level, highest first. */
  readonly #lines: { readonly level: number; readonly line: Line }[] = [];

  of(level: number): Line {
    const found = this.#lines.find((each) => each.level === level);
    if (found !== undefined) return found.line;
    const line = new Line();
    this.#lines.push({ level, line });
    this.#lines.sort((a, b) => b.level - a.level);
    return line;
  }

  /** The first of the highest level that has one. */
  shift(): Copy | undefined {
    for (const { line } of this.#lines) {
      const copy = line.shift();
      if (copy !== undefined) return copy;
    }
    return undefined;
  }

  lines(): readonly Line[] {
    return this.#lines.map(({ line }) => line);
  }

  *[Symbol.iterator](): Generator<Copy> {
    for (const { line } of this.#lines) yield* line;
  }
}
