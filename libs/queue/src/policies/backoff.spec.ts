import fc from 'fast-check';
import {
  type Backoff,
  DEFAULT_BACKOFF,
  exponential,
  fixed,
  InvalidBackoffError,
  safeBackoffMs,
  schedule,
} from './backoff.js';
import { InvalidDurationError } from './duration.js';

const waits = (backoff: Backoff, attempts: readonly number[], random = 0): number[] =>
  attempts.map((attempt) => backoff(attempt, random));

describe('exponential', () => {
  it('doubles from base to cap', () => {
    expect(waits(exponential('1s', { cap: '10s' }), [1, 2, 3, 4, 5, 6])).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });

  it('grows by its factor, and stands still with factor 1', () => {
    expect(waits(exponential(10, { factor: 3 }), [1, 2, 3])).toEqual([10, 30, 90]);
    expect(waits(exponential(10, { factor: 1 }), [1, 500])).toEqual([10, 10]);
  });

  it('adds jitter up to its share, and never beyond the cap', () => {
    const backoff = exponential(100, { jitter: 0.5, cap: 250 });
    expect(waits(backoff, [1, 2], 0.999)).toEqual([expect.closeTo(149.95), 250]);
    expect(waits(exponential(100, { jitter: 0 }), [1], 0.999)).toEqual([100]);
  });

  it.each([100, 1_000, 2_000, 1e9])('does not overflow at attempt %d', (attempt) => {
    expect(exponential('1s')(attempt, 0.5)).toBe(300_000);
    expect(exponential(0)(attempt, 0.5)).toBe(0);
    expect(exponential(1, { factor: 1_000 })(attempt, 0)).toBe(300_000);
  });

  it('is a pure, finite function of attempt and dice', () => {
    const options = fc.record({ cap: fc.nat(), factor: fc.double({ min: 1, max: 1_000, noNaN: true }) });
    fc.assert(
      fc.property(fc.nat(), options, fc.integer({ min: 1, max: 5_000 }), (base, given, attempt) => {
        const backoff = exponential(base, given);
        const wait = backoff(attempt, 0.3);
        expect(wait).toBe(backoff(attempt, 0.3));
        expect(wait >= 0 && wait <= given.cap).toBe(true);
      }),
    );
  });

  it.each([
    { factor: 0.5 },
    { factor: NaN },
    { factor: Infinity },
    { jitter: -0.1 },
    { jitter: 2 },
    { jitter: NaN },
  ])('refuses %p', (options) => {
    expect(() => exponential('1s', options)).toThrow(InvalidBackoffError);
  });

  it('refuses what is no time', () => {
    expect(() => exponential(-1)).toThrow(InvalidDurationError);
    expect(() => exponential('1s', { cap: NaN })).toThrow(/^backoff cap is NaN/);
    expect(() => fixed(Infinity)).toThrow(InvalidDurationError);
    expect(() => schedule(['1s', -2])).toThrow(InvalidDurationError);
  });
});

it('fixed waits the same every time', () => {
  expect(waits(fixed('2s'), [1, 2, 100])).toEqual([2_000, 2_000, 2_000]);
});

it('schedule walks its list and stays at the last', () => {
  expect(waits(schedule(['1s', '5s', '1m']), [1, 2, 3, 4, 99])).toEqual([
    1_000, 5_000, 60_000, 60_000, 60_000,
  ]);
});

describe('a backoff of the application', () => {
  it('is believed when it answers with a time', () => {
    expect(safeBackoffMs(() => 0, 1, 0)).toBe(0);
    expect(safeBackoffMs((attempt) => attempt * 7, 3, 0)).toBe(21);
  });

  it.each<[string, Backoff]>([
    ['NaN', () => NaN],
    ['Infinity', () => Infinity],
    ['a negative number', () => -1],
    ['a text', () => '5s' as unknown as number],
    ['nothing', () => undefined as unknown as number],
    [
      'an exception',
      () => {
        throw new RangeError('no');
      },
    ],
  ])('gives way to the default when it answers with %s', (_what, backoff) => {
    expect(safeBackoffMs(backoff, 4, 0.5)).toBe(DEFAULT_BACKOFF(4, 0.5));
  });
});
