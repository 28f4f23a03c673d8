import type { CancelTimer, Clock } from './clock.js';

/** Node turns a longer delay into 1 ms, so longer waits are walked in steps of this size. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  mono(): number {
    return performance.now();
  }

  timer(delayMs: number, fn: () => void): CancelTimer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay in milliseconds, got NaN');
    const dueAt = this.mono() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = Math.ceil(dueAt - this.mono()); // Node cuts fractions off, which would be early
      handle =
        leftMs > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(fn, Math.max(0, leftMs));
    };
    arm();
    return () => clearTimeout(handle);
  }
}

export const systemClock: Clock = new SystemClock();
