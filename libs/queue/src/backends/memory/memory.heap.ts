import type { Copy } from './memory.copy.js';

interface Entry {
  readonly rank: number;
  readonly copy: Copy;
}

/** Copies by rank, lowest first; equal ranks by age. The rank is a due time or a place in line. */
export class CopyHeap {
  #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** Rank of the first; Infinity when empty. */
  get firstRank(): number {
    return this.#entries[0]?.rank ?? Infinity;
  }

  push(rank: number, copy: Copy): void {
    const entry: Entry = { rank, copy };
    const entries = this.#entries;
    let at = entries.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt] as Entry;
      if (!isBefore(entry, parent)) break;
      entries[at] = parent;
      at = parentAt;
    }
    entries[at] = entry;
  }

  shift(): Copy | undefined {
    const first = this.#entries[0];
    const last = this.#entries.pop();
    if (first !== last && last !== undefined) this.#sink(last);
    return first?.copy;
  }

  *[Symbol.iterator](): Generator<Copy> {
    for (const { copy } of this.#entries.toSorted((a, b) => (isBefore(a, b) ? -1 : 1))) yield copy;
  }

  #sink(entry: Entry): void {
    const entries = this.#entries;
    let at = 0;
    for (;;) {
      const childAt = this.#lesserChild(at);
      if (childAt === undefined || !isBefore(entries[childAt] as Entry, entry)) break;
      entries[at] = entries[childAt] as Entry;
      at = childAt;
    }
    entries[at] = entry;
  }

  #lesserChild(at: number): number | undefined {
    const left = this.#entries[2 * at + 1];
    if (left === undefined) return undefined;
    const right = this.#entries[2 * at + 2];
    return right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.copy.seq < b.copy.seq);
}
