import { afterEach, beforeEach, jest } from '@jest/globals';
import { systemClock } from './system-clock.js';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

describe('systemClock', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 5_000 }));
  afterEach(() => void jest.useRealTimers());

  function timer(delayMs: number): { fired: number; cancel: () => void } {
    const state = { fired: 0, cancel: () => {} };
    state.cancel = systemClock.timer(delayMs, () => void state.fired++);
    return state;
  }

  it('tells the wall clock, and time that only runs forward', () => {
    const before = systemClock.mono();
    expect(systemClock.now()).toBe(5_000);
    jest.setSystemTime(1_000);
    jest.advanceTimersByTime(10);
    expect(systemClock.now()).toBe(1_010);
    expect(systemClock.mono() - before).toBeCloseTo(10);
  });

  it('fires once, when the delay is over', () => {
    const state = timer(100);
    jest.advanceTimersByTime(99);
    expect(state.fired).toBe(0);
    jest.advanceTimersByTime(1_000);
    expect(state.fired).toBe(1);
  });

  it.each([0, -1, -Infinity])('fires as soon as possible for a delay of %d', (delayMs) => {
    const state = timer(delayMs);
    expect(state.fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect(state.fired).toBe(1);
  });

  it.each([LONGEST_TIMER_MS, LONGEST_TIMER_MS + 1, 2 ** 32, 1e12])(
    'is not early by a delay of %d',
    (delayMs) => {
      const state = timer(delayMs);
      jest.advanceTimersByTime(delayMs - 1);
      expect(state.fired).toBe(0);
      jest.advanceTimersByTime(1);
      expect(state.fired).toBe(1);
    },
  );

  it('never fires for an endless delay, nor once cancelled, at whatever step', () => {
    const endless = timer(Infinity);
    const cancelled = timer(3 * LONGEST_TIMER_MS);
    jest.advanceTimersByTime(2 * LONGEST_TIMER_MS);
    cancelled.cancel();
    jest.advanceTimersByTime(10 * LONGEST_TIMER_MS);
    expect([endless.fired, cancelled.fired]).toEqual([0, 0]);
    endless.cancel();
    endless.cancel();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('refuses a delay that is no number: Node would fire at once', () => {
    expect(() => systemClock.timer(Number.NaN, () => {})).toThrow(RangeError);
  });
});
