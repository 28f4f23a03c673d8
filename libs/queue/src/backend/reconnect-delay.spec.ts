import { reconnectDelayMs } from './reconnect-delay.js';

describe('reconnectDelayMs', () => {
  it('doubles up to its longest, whatever the number of attempts', () => {
    const longest = { next: () => 1 };
    expect([1, 2, 3, 6, 7, 5_000].map((attempt) => reconnectDelayMs(attempt, longest))).toEqual([
      100, 200, 400, 3_200, 4_000, 4_000,
    ]);
  });

  it('spreads over the upper half', () => {
    expect(reconnectDelayMs(7, { next: () => 0 })).toBe(2_000);
  });
});
