import { Demand } from './demand.js';

/** Asks as a consumer does: each message of a batch takes `eachMs` of the time until the next request. */
function batches(demand: Demand, eachMs: number, count: number): number[] {
  let nowMs = 0;
  return Array.from({ length: count }, () => {
    const asked = demand.next(0, 0);
    demand.asked(asked, nowMs);
    demand.got(asked);
    nowMs += asked * eachMs;
    demand.asked(0, nowMs);
    return asked;
  });
}

describe('a fixed prefetch', () => {
  it.each([
    [0, 0, 12],
    [0, 11, 2],
    [0, 12, 0],
    [10, 0, 3],
    [10, 1, 2],
    [10, 2, 0],
    [10, 3, 0],
    [4, 0, 9],
    [12, 0, 1],
    [20, 0, 0],
  ])('with %d running and %d waiting asks for %d', (running, waiting, asked) => {
    expect(new Demand(10, 3).next(running, waiting)).toBe(asked);
  });

  it('never learns', () => {
    expect(new Set(batches(new Demand(10, 3), 0, 20))).toEqual(new Set([12]));
  });

  it('of nothing asks for free slots only', () => {
    const demand = new Demand(4, 0);
    expect(demand.next(3, 0)).toBe(1);
    expect(demand.next(4, 0)).toBe(0);
    expect(demand.next(3, 1)).toBe(0);
  });
});

describe('a prefetch that follows the speed', () => {
  it('starts with the free slots', () => {
    expect(new Demand(10, 'auto').next(0, 0)).toBe(10);
    expect(new Demand(10, 'auto').next(10, 0)).toBe(0);
  });

  it('grows for handlers that are done at once, up to its bound', () => {
    const asked = batches(new Demand(1, 'auto'), 0, 20);
    expect(asked[1]).toBeGreaterThan(asked[0] as number);
    expect(asked.at(-1)).toBe(513);
  });

  it('holds next to nothing ready for slow handlers, however long the backlog', () => {
    expect(Math.max(...batches(new Demand(10, 'auto'), 1_000, 20))).toBe(10);
    expect(Math.max(...batches(new Demand(10, 'auto'), 1, 20))).toBe(35);
  });

  it('shrinks again when the handlers become slow', () => {
    const demand = new Demand(10, 'auto');
    batches(demand, 0, 20);
    expect(batches(demand, 2_000, 2).at(-1)).toBeLessThan(20);
  });

  it('learns nothing from a batch that was not full: there was no more', () => {
    const demand = new Demand(10, 'auto');
    demand.asked(10, 0);
    demand.got(9);
    demand.asked(10, 0);
    expect(demand.next(0, 0)).toBe(10);
  });

  it('leaves room to ask for the next batch while a whole one waits for its handlers', () => {
    const demand = new Demand(100, 'auto');
    const whole = batches(demand, 0, 20).at(-1) as number;
    expect(demand.next(0, whole)).toBe(512);
    expect(demand.next(0, whole + 512)).toBe(0);
  });

  it('knows whether there may be more', () => {
    const demand = new Demand(10, 'auto');
    expect(demand.isFull).toBe(false);
    demand.asked(10, 0);
    demand.got(10);
    expect(demand.isFull).toBe(true);
    demand.asked(10, 0);
    demand.got(9);
    expect(demand.isFull).toBe(false);
  });

  it('follows a new concurrency', () => {
    const demand = new Demand(10, 'auto');
    demand.concurrency = 2;
    expect(demand.next(0, 0)).toBe(2);
    expect(demand.next(5, 0)).toBe(0);
  });
});
