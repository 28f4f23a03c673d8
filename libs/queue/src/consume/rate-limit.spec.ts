import fc from 'fast-check';
import { RateLimit } from './rate-limit.js';

describe('RateLimit', () => {
  it('has room for as many as may start, and then waits for the oldest to be out of the span', () => {
    const limit = new RateLimit({ max: 2, perMs: 1_000 });
    expect(limit.room(0)).toBe(2);
    limit.started(0);
    limit.started(400);
    expect(limit.room(999)).toBe(0);
    expect(limit.waitMs(700)).toBe(300);
    expect(limit.room(1_000)).toBe(1);
    expect(limit.waitMs(1_000)).toBe(0);
  });

  it('never lets more start in any span, and never waits longer than it must', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat(20), { maxLength: 100 }),
        (max, perMs, gaps) => {
          const limit = new RateLimit({ max, perMs });
          const starts: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const inSpan = starts.filter((at) => at > now - perMs).length;
            expect(limit.room(now)).toBe(max - inSpan);
            if (limit.room(now) === 0) continue;
            limit.started(now);
            starts.push(now);
          }
        },
      ),
    );
  });
});
