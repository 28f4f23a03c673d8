import { InvalidDurationError } from './duration.js';
import { Reject, Release, RetryAfter, Verdict } from './verdicts.js';

describe('verdicts', () => {
  it('are errors with their own names, reasons and causes', () => {
    const cause = new Error('429');
    expect(new RetryAfter('2s', 'slow down', { cause })).toMatchObject({
      name: 'RetryAfter',
      message: 'slow down',
      delayMs: 2_000,
      cause,
    });
    expect(new Reject('malformed', { cause })).toMatchObject({ name: 'Reject', message: 'malformed', cause });
    expect(new Release()).toMatchObject({ name: 'Release', delayMs: 0 });
    expect(new Release('1m').delayMs).toBe(60_000);
    for (const verdict of [new RetryAfter(0), new Reject('x'), new Release()]) {
      expect(verdict).toBeInstanceOf(Verdict);
      expect(verdict).toBeInstanceOf(Error);
    }
  });

  it.each([-1, NaN, Infinity, '5' as never, null as never])('refuse to wait for %p', (delay) => {
    expect(() => new RetryAfter(delay)).toThrow(InvalidDurationError);
    expect(() => new Release(delay)).toThrow(InvalidDurationError);
  });
});
