import { sleep } from '../ambient/clock.js';
import { VirtualClock, VirtualTimeoutError, skewedClock } from './virtual-clock.js';

describe('VirtualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new VirtualClock();
    const before = clock.now();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.now()).toBe(before);
    await clock.advance(1_500);
    expect(clock.now() - before).toBe(1_500);
    expect(clock.mono()).toBe(1_500);
  });

  it('shows whole milliseconds on its wall clock, as a real one does', async () => {
    const clock = new VirtualClock(1_000);
    await clock.advance(0.75);
    expect([clock.now(), clock.mono()]).toEqual([1_000, 0.75]);
  });

  it('fires timers by due time, then in the order they were made, each at its own time', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const note = (name: string) => (): void => void fired.push(`${name}@${clock.mono()}`);
    clock.timer(30, note('c'));
    clock.timer(10, note('a'));
    clock.timer(10, note('b'));
    clock.timer(31, note('late'));
    await clock.advance(30);
    expect(fired).toEqual(['a@10', 'b@10', 'c@30']);
    expect(clock.pending).toBe(1);
  });

  it('fires timers that a timer makes through promises and immediates on the way', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.timer(10, () => {
      setImmediate(() => void sleep(clock, 5).then(() => fired.push(clock.mono())));
    });
    await clock.advance(20);
    expect(fired).toEqual([15]);
  });

  it('never fires a cancelled timer', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock.timer(1, () => (fired = true))();
    await clock.advance(10);
    expect(fired).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('honours delays beyond what setTimeout can hold', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock.timer(2 ** 33, () => (fired = true));
    await clock.advance(2 ** 33 - 1);
    expect(fired).toBe(false);
    await clock.advance(1);
    expect(fired).toBe(true);
  });

  it('runs until a condition holds, and no further', async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.timer(100, tick);
    };
    clock.timer(100, tick);
    await clock.runUntil(() => ticks === 3, 10_000);
    expect(clock.mono()).toBe(300);
  });

  it('tells when the next timer fires', async () => {
    const clock = new VirtualClock();
    expect(clock.nextInMs).toBeUndefined();
    clock.timer(Infinity, () => {});
    expect(clock.nextInMs).toBeUndefined();
    const cancel = clock.timer(100, () => {});
    clock.timer(300, () => {});
    await clock.advance(40);
    expect(clock.nextInMs).toBe(60);
    cancel();
    expect(clock.nextInMs).toBe(260);
  });

  it('never runs back, whoever moves it', async () => {
    const clock = new VirtualClock();
    const moved = [clock.advance(50), clock.advance(100), clock.runUntil(() => clock.mono() > 20, 30)];
    await Promise.all(moved);
    expect(clock.mono()).toBe(100);
  });

  it('says so when the condition never holds', async () => {
    const clock = new VirtualClock();
    await expect(clock.runUntil(() => false, 50)).rejects.toThrow(VirtualTimeoutError);
    expect(clock.mono()).toBe(50);
  });
});

it('a skewed clock is wrong about the date only', async () => {
  const clock = new VirtualClock();
  const skewed = skewedClock(clock, 3_600_000);
  let firedAt = -1;
  skewed.timer(5, () => (firedAt = skewed.mono()));
  await clock.advance(10);
  expect(skewed.now() - clock.now()).toBe(3_600_000);
  expect(firedAt).toBe(5);
});
