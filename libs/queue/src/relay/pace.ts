import { sleep, type Clock } from '../ambient/clock.js';

/** A tenth of a second's worth goes at once; then the rest waits its turn. */
const BURSTS_PER_SECOND = 10;

/** Keeps to so many messages a second, evenly, without making up for time that was not used. */
export class Pace {
  #freeAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly perSecond: number,
  ) {}

  /** How many may go in one batch. */
  batch(max: number): number {
    return Math.min(max, Math.max(1, Math.floor(this.perSecond / BURSTS_PER_SECOND)));
  }

  spent(messages: number): void {
    this.#freeAt = Math.max(this.#freeAt, this.clock.mono()) + (messages * 1_000) / this.perSecond;
  }

  /** Until the next batch may go, or `signal` aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const waitMs = this.#freeAt - this.clock.mono();
    if (waitMs > 0) await sleep(this.clock, waitMs, signal);
  }
}
