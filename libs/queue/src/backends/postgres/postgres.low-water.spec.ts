import { LowWater } from './postgres.low-water.js';

const FIRST = '2026-01-01 00:00:00.000001+00';

describe('LowWater', () => {
  it('is at the first message of the last full claim', () => {
    const mark = new LowWater();
    expect([mark.from, mark.isAtBeginning]).toEqual(['-infinity', true]);
    mark.claimed(FIRST, 500, 500);
    expect([mark.from, mark.isAtBeginning]).toEqual([FIRST, false]);
  });

  it.each([
    ['that was not full', FIRST, 499, 500],
    ['of a few messages', FIRST, 20, 20],
    ['without a message of the usual priority', undefined, 500, 500],
  ])('goes back to the beginning after a claim %s', (_which, first, count, max) => {
    const mark = new LowWater();
    mark.claimed(FIRST, 500, 500);
    mark.claimed(first, count, max);
    expect(mark.isAtBeginning).toBe(true);
  });

  it('goes back to the beginning now and then, and when it is told to', () => {
    const mark = new LowWater();
    const seen = Array.from({ length: 33 }, () => {
      mark.claimed(FIRST, 500, 500);
      return mark.isAtBeginning;
    });
    expect(seen.filter(Boolean)).toHaveLength(2);
    mark.reset();
    expect(mark.from).toBe('-infinity');
  });
});
