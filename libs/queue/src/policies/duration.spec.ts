import fc from 'fast-check';
import { formatDuration, InvalidDurationError, parseDuration } from './duration.js';

describe('parseDuration', () => {
  it.each([
    [0, 0],
    [1.5, 1.5],
    [2 ** 31, 2 ** 31],
    ['0s', 0],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
  ])('reads %p as %d ms', (given, ms) => {
    expect(parseDuration('wait', given)).toBe(ms);
  });

  it.each([
    -1,
    NaN,
    Infinity,
    1e15,
    '',
    '10',
    '-5s',
    '5 s',
    '5S',
    '1e3ms',
    's',
    '٣s',
    `${'9'.repeat(400)}d`,
    '200000d',
    null,
    undefined,
    10n,
    {},
    [5],
    new Date(),
  ])('refuses %p', (given) => {
    expect(() => parseDuration('wait', given)).toThrow(InvalidDurationError);
  });

  it('names the option and what was given', () => {
    expect(() => parseDuration('retry.backoff', '5 s')).toThrow(
      /^retry\.backoff is "5 s": give milliseconds/,
    );
    expect(() => parseDuration('delay', NaN)).toThrow(/^delay is NaN:/);
  });
});

describe('a duration as text', () => {
  it.each([
    [0, '0ms'],
    [1, '1ms'],
    [999.2, '1s'],
    [9_600, '9.6s'],
    [90_000, '90s'],
    [300_000, '5m'],
    [12 * 3_600_000, '12h'],
    [3 * 86_400_000, '3d'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('is read back as the same ms', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 * 365 * 86_400_000 }), (ms) => {
        expect(Math.round(parseDuration('wait', formatDuration(ms)))).toBe(ms);
      }),
    );
  });
});
