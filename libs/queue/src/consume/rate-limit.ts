import type { RatePolicy } from '../policies/limits.policy.js';

/** Remembers the last `max` starts, so that no span of `perMs` sees more than that many. */
export class RateLimit {
  readonly #starts: Float64Array;
  #first = 0;
  #count = 0;

  constructor(private readonly policy: RatePolicy) {
    this.#starts = new Float64Array(policy.max);
  }

  /** How many may start now. */
  room(nowMs: number): number {
    const { max, perMs } = this.policy;
    while (this.#count > 0 && (this.#starts[this.#first] as number) + perMs <= nowMs) {
      this.#first = (this.#first + 1) % max;
      this.#count--;
    }
    return max - this.#count;
  }

  /** To be called for each start; only where there is room. */
  started(nowMs: number): void {
    this.#starts[(this.#first + this.#count) % this.policy.max] = nowMs;
    this.#count++;
  }

  /** How long until there is room; 0: there is. */
  waitMs(nowMs: number): number {
    if (this.room(nowMs) > 0) return 0;
    return (this.#starts[this.#first] as number) + this.policy.perMs - nowMs;
  }
}
