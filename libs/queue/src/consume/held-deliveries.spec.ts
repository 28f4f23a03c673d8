import { handling } from '../interceptors/handling.fixture.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { HeldDeliveries } from './held-deliveries.js';

const LEASE_MS = 900;

class Desk {
  readonly clock = new VirtualClock();
  readonly sweeps: number[] = [];
  nextAt = (nowMs: number): number => nowMs + 300;
  readonly held = new HeldDeliveries({
    clock: this.clock,
    leaseMs: LEASE_MS,
    sweep: (nowMs) => {
      this.sweeps.push(nowMs);
      return this.nextAt(nowMs);
    },
  });

  hold(id: string) {
    const given = handling({ id, leaseMs: LEASE_MS }, this.clock.mono());
    this.held.hold(given);
    return given;
  }

  get ids(): string[] {
    return [...this.held].map(({ id }) => id);
  }
}

describe('held deliveries', () => {
  it('can be dropped in any order, and twice', () => {
    const desk = new Desk();
    const [a, b, c, d] = [desk.hold('a'), desk.hold('b'), desk.hold('c'), desk.hold('d')];
    expect(desk.ids).toEqual(['d', 'c', 'b', 'a']);
    desk.held.drop(c);
    expect(desk.ids).toEqual(['d', 'b', 'a']);
    desk.held.drop(d);
    desk.held.drop(d);
    desk.held.drop(a);
    expect(desk.ids).toEqual(['b']);
    expect(desk.held.count).toBe(1);
    desk.held.drop(b);
    desk.held.drop(b);
    expect(desk.held.count).toBe(0);
    desk.hold('e');
    expect(desk.ids).toEqual(['e']);
    desk.held.stop();
  });

  it('may be dropped while one walks through them', () => {
    const desk = new Desk();
    for (const id of ['a', 'b', 'c']) desk.hold(id);
    const seen: string[] = [];
    for (const each of desk.held) {
      seen.push(each.id);
      desk.held.drop(each);
    }
    expect(seen).toEqual(['c', 'b', 'a']);
  });

  it('are swept by one timer, first at a third of the lease, and only while there are any', async () => {
    const desk = new Desk();
    expect(desk.clock.pending).toBe(0);
    const a = desk.hold('a');
    await desk.clock.advance(100);
    desk.hold('b');
    expect(desk.clock.pending).toBe(1);
    await desk.clock.advance(550);
    expect(desk.sweeps).toEqual([300, 600]);
    for (const each of [a, ...desk.held]) desk.held.drop(each);
    await desk.clock.advance(5_000);
    expect(desk.sweeps).toEqual([300, 600]);
    expect(desk.clock.pending).toBe(0);
  });

  it('are swept when a deadline passes before that', async () => {
    const desk = new Desk();
    const a = desk.hold('a');
    a.deadlineAt = 50;
    desk.held.watch(a);
    const b = desk.hold('b');
    b.deadlineAt = 200;
    desk.held.watch(b);
    await desk.clock.advance(60);
    expect(desk.sweeps).toEqual([50]);
    expect(desk.clock.pending).toBe(1);
    desk.held.stop();
    expect(desk.clock.pending).toBe(0);
  });
});
