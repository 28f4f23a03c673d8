import type { Copy } from './memory.copy.js';
import { CopyRing } from './memory.ring.js';

/**
 * Whose turn it is, key by key. One copy of a key has the turn until it is acknowledged, skipped or dropped, whatever
 * else happens to it; the others of that key wait here. A key that has no copy is not known here.
 */
export class KeyLines {
  /** Those that wait behind the one whose turn it is; undefined as long as nobody had to. */
  readonly #lines = new Map<string, CopyRing | undefined>();
  #held = 0;
  #anyExpires = false;

  /** Copies that wait for their turn. */
  get held(): number {
    return this.#held;
  }

  /** Keys that have a copy. */
  get keys(): number {
    return this.#lines.size;
  }

  /** Whether it is the copy's turn at once; otherwise it waits. */
  join(copy: Copy): boolean {
    const key = copy.message.key as string;
    copy.inOrder = true;
    if (!this.#lines.has(key)) {
      this.#lines.set(key, undefined);
      return true;
    }
    this.#waitingOf(key).push(copy);
    this.#held++;
    if (copy.expiresAt !== undefined) this.#anyExpires = true;
    return false;
  }

  /** The copy leaves the order; answers with the one whose turn it is now. */
  pass(copy: Copy, monoMs: number): Copy | undefined {
    const key = copy.message.key as string;
    copy.inOrder = false;
    const waiting = this.#lines.get(key);
    for (let next = waiting?.shift(); next !== undefined; next = waiting?.shift()) {
      if (next.removed) continue;
      this.#held--;
      if (!next.isExpired(monoMs)) return next;
    }
    this.#lines.delete(key);
    return undefined;
  }

  /** Takes out one that waits. */
  remove(copy: Copy): void {
    copy.removed = true;
    this.#held--;
  }

  /** Drops what has expired while it waited, so that the count is exact. */
  sweep(monoMs: number): void {
    if (!this.#anyExpires) return;
    for (const copy of this.list()) if (copy.isExpired(monoMs)) this.remove(copy);
  }

  /** Those that wait, oldest first. */
  list(): readonly Copy[] {
    const copies = [...this.#lines.values()].flatMap((waiting) =>
      waiting === undefined ? [] : [...waiting],
    );
    return copies.filter(({ removed }) => !removed).toSorted((a, b) => a.seq - b.seq);
  }

  #waitingOf(key: string): CopyRing {
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const made = new CopyRing();
    this.#lines.set(key, made);
    return made;
  }
}
