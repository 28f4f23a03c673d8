import { InvalidDurationError, parseDuration } from './duration.js';

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
