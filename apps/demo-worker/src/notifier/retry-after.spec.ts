import { retryAfterMs } from './retry-after.js';

const NOW = Date.parse('2026-01-01T00:00:00Z');

describe('retryAfterMs', () => {
  it.each([
    ['0', 0],
    ['1', 1_000],
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['999999999999', 3_600_000],
    ['Fri, 01 Jan 2027 00:00:00 GMT', 3_600_000],
  ])('reads %s', (header, ms) => {
    expect(retryAfterMs(header, NOW)).toBe(ms);
  });

  it.each([null, '', ' ', 'soon', '-5x'])('makes nothing of %s', (header) => {
    expect(retryAfterMs(header, NOW)).toBeUndefined();
  });
});
