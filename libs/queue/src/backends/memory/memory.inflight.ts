import type { Copy, Lease } from './memory.copy.js';

/** The copies of one subscription that a delivery holds, and when their leases end. */
export class InFlight {
  readonly #copies: Copy[] = [];
  #nextEndAt = Infinity;

  get size(): number {
    return this.#copies.length;
  }

  /** No lease ends before this; monotonic ms. May be earlier than the first end: leases are only looked at then. */
  get nextEndAt(): number {
    return this.#nextEndAt;
  }

  has(copy: Copy): boolean {
    return this.#copies[copy.slot] === copy;
  }

  /** `copy.lease` is set. */
  add(copy: Copy): void {
    copy.slot = this.#copies.push(copy) - 1;
    this.noteLease(copy.lease as Lease);
  }

  noteLease(lease: Lease): void {
    if (lease.endsAt < this.#nextEndAt) this.#nextEndAt = lease.endsAt;
  }

  /** Takes it out; from now on no delivery holds it. */
  remove(copy: Copy): void {
    const last = this.#copies.pop() as Copy;
    if (last !== copy) {
      this.#copies[copy.slot] = last;
      last.slot = copy.slot;
    }
    copy.slot = -1;
    copy.holder = undefined;
    copy.lease = undefined;
  }

  /** Takes out every copy whose lease has ended and gives it to `ended` with the moment of its end. */
  expire(monoMs: number, ended: (copy: Copy, endedAt: number) => void): void {
    this.#nextEndAt = Infinity;
    for (let at = this.#copies.length - 1; at >= 0; at--) {
      const copy = this.#copies[at] as Copy;
      const lease = copy.lease as Lease;
      if (lease.endsAt > monoMs) {
        this.noteLease(lease);
      } else {
        this.remove(copy);
        ended(copy, lease.endsAt);
      }
    }
  }

  /** Oldest first. */
  list(): readonly Copy[] {
    return this.#copies.toSorted((a, b) => a.seq - b.seq);
  }
}
