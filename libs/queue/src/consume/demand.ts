/** Most deliveries held beyond the running ones when `prefetch` is 'auto'. */
const LARGEST_ALLOWANCE = 1024;
/** How much work may be held ready or asked for, in ms of handling at the speed seen last. */
const AHEAD_MS = 50;
/** Batches used up faster than the clock can tell count as having lasted this long. */
const SHORTEST_MS = 0.05;

/**
 * How many deliveries to ask for. Fast handlers get large batches, because a round trip per message would cost more
 * than the message; slow ones get hardly any beyond the free slots, so that nothing waits here that others could
 * handle.
 */
export class Demand {
  #allowance: number;
  /** Of the last request. */
  #askedAt = 0;
  #asked = 0;
  #got = 0;

  constructor(
    public concurrency: number,
    private readonly prefetch: number | 'auto',
  ) {
    this.#allowance = prefetch === 'auto' ? 0 : prefetch;
  }

  /** 0: there is enough for now. Half of what may be held ready is asked for while the other half is handled. */
  next(running: number, buffered: number): number {
    const half = Math.ceil(this.#allowance / 2);
    const room = this.concurrency + this.#allowance - running - buffered;
    if (buffered > 0 && room < half) return 0;
    return Math.max(0, Math.min(room, this.concurrency + half));
  }

  /** Whether the last request brought all that it asked for: there may be more. */
  get isFull(): boolean {
    return this.#asked > 0 && this.#got === this.#asked;
  }

  /** To be called with each request: what the one before it brought, and how long that lasted, tells the speed. */
  asked(max: number, nowMs: number): void {
    if (this.isFull && this.prefetch === 'auto') this.#learn(nowMs - this.#askedAt);
    this.#asked = max;
    this.#askedAt = nowMs;
    this.#got = 0;
  }

  got(count: number): void {
    this.#got = count;
  }

  #learn(lastedMs: number): void {
    const perMs = this.#got / Math.max(lastedMs, SHORTEST_MS);
    this.#allowance = Math.min(LARGEST_ALLOWANCE, Math.floor(perMs * AHEAD_MS));
  }
}
