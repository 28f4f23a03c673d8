import { seededRandom } from '../../ambient/random.js';
import { SimulationScheduler } from './scheduler.js';

function scheduler(seed = 1): { readonly it: SimulationScheduler; readonly ran: string[] } {
  return { it: new SimulationScheduler(seededRandom(seed)), ran: [] };
}

describe('the scheduler of a simulation', () => {
  it('runs what is due first, and lets time jump only when nothing is', async () => {
    const { it: time, ran } = scheduler();
    time.after('a', 20, () => ran.push(`a ${time.nowMs}`));
    time.after('b', 5, () => ran.push(`b ${time.nowMs}`));
    await time.pass(100);
    expect([ran, time.nowMs, time.pending]).toEqual([['b 5', 'a 20'], 100, 0]);
  });

  it('leaves the order of what is due together to chance, and chance to the seed', async () => {
    const orders = new Set<string>();
    for (let seed = 1; seed < 20; seed++) {
      const [first, second] = [await orderOf(seed), await orderOf(seed)];
      expect(first).toBe(second);
      orders.add(first);
    }
    expect(orders.size).toBeGreaterThan(3);
  });

  it('lets the tasks of a frozen owner wait, however overdue', async () => {
    const { it: time, ran } = scheduler();
    time.freeze('a');
    time.after('a', 1, () => ran.push(`a ${time.nowMs}`));
    time.after('b', 2, () => ran.push(`b ${time.nowMs}`));
    await time.pass(50);
    time.thaw('a');
    await time.pass(0);
    expect(ran).toEqual(['b 2', 'a 50']);
  });

  it('forgets the tasks of a dead owner and takes no new ones', async () => {
    const { it: time, ran } = scheduler();
    time.after('a', 1, () => ran.push('a'));
    time.kill('a');
    time.after('a', 1, () => ran.push('a'));
    await time.pass(10);
    expect([ran, time.pending]).toEqual([[], 0]);
  });

  it('takes back a timer, once', async () => {
    const { it: time, ran } = scheduler();
    const cancel = time.after('a', 1, () => ran.push('a'));
    time.after('b', 1, () => ran.push('b'));
    cancel();
    cancel();
    await time.pass(10);
    expect(ran).toEqual(['b']);
    expect(() => time.after('a', Number.NaN, cancel)).toThrow(RangeError);
  });
});

async function orderOf(seed: number): Promise<string> {
  const { it: time, ran } = scheduler(seed);
  for (const owner of ['a', 'b', 'c', 'd']) time.after(owner, 1, () => ran.push(owner));
  await time.pass(1);
  return ran.join('');
}
