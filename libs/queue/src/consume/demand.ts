/** Most deliveries held beyond the running ones when `prefetch` is 'auto'. */
const LARGEST_ALLOWANCE = 512;
const SMALLEST_STEP = 16;
/** A batch that was used up faster than this asks for a larger one; slower than SLOW_MS for a smaller one. */
const FAST_MS = 20;
const SLOW_MS = 100;

/**
 * How many deliveries to ask for. Fast handlers get large batches, because a round trip per message would cost more
 * than the message; slow ones get none beyond the free slots, so that nothing waits here that others could handle.
 */
export class Demand {
  #allowance: number;
  #askedAt = 0;

  constructor(
    public concurrency: number,
    private readonly prefetch: number | 'auto',
  ) {
    this.#allowance = prefetch === 'auto' ? 0 : prefetch;
  }

  /** 0: there is enough for now. */
  next(running: number, buffered: number): number {
    if (buffered > this.#allowance / 2) return 0;
    return Math.max(0, this.concurrency + this.#allowance - running - buffered);
  }

  asking(nowMs: number): void {
    this.#askedAt = nowMs;
  }

  /** A full batch, and the time until there was room for the next one, tell how fast the handlers are. */
  usedUp(asked: number, got: number, nowMs: number): void {
    if (this.prefetch !== 'auto') return;
    const tookMs = nowMs - this.#askedAt;
    if (got === asked && tookMs < FAST_MS) this.#grow();
    else if (tookMs > SLOW_MS) this.#allowance = Math.floor(this.#allowance / 2);
  }

  #grow(): void {
    this.#allowance = Math.min(LARGEST_ALLOWANCE, Math.max(SMALLEST_STEP, this.#allowance * 2));
  }
}
