import type { Backend } from '../backend/backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import { memoryBackend } from '../backends/memory/index.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { DeadLetterSweep } from './dead-letter-sweep.js';

const HOUR = 3_600_000;

/** Counts the sweeps, and fails some of them. */
class Counted extends ForwardingBackend {
  sweeps = 0;
  down = false;

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    this.sweeps++;
    if (this.down) throw new BackendUnavailableError('main', 'expire', 'it is down');
    yield* this.inner.inspect(query);
  }
}

async function sweeping(keepMs: number) {
  const clock = new VirtualClock();
  const { backend } = await memoryBackend.open('main', {}, testAmbient(clock));
  await backend.ensure({ subscriptions: [{ name: 'work', topics: ['t'] }] }, 'create');
  const counted = new Counted(backend as Backend);
  const told: unknown[] = [];
  const sweep = new DeadLetterSweep({
    backend: counted,
    subscription: 'work',
    clock,
    keepMs,
    expired: (count) => told.push(count),
    fault: (error) => told.push(error),
  });
  return { clock, counted, told, sweep };
}

describe('the sweep of dead letters', () => {
  it.each([
    [30 * 24 * HOUR, HOUR, 24],
    [10 * 60_000, 10 * 60_000, 10],
    [1_000, 10_000, 10],
  ])('of those kept %d ms makes few calls: in %d ms no more than %d', async (keepMs, ms, most) => {
    const { clock, counted, sweep } = await sweeping(keepMs);
    sweep.start();
    await clock.advance(ms - 1);
    expect(counted.sweeps).toBeGreaterThanOrEqual(1);
    expect(counted.sweeps).toBeLessThanOrEqual(most);
    await sweep.stop();
  });

  it('says nothing when there was nothing to do', async () => {
    const { clock, told, sweep } = await sweeping(60_000);
    sweep.start();
    await clock.advance(60_000);
    await sweep.stop();
    expect([told, sweep.removed]).toEqual([[], 0]);
  });

  it('tells of a failure, and goes on', async () => {
    const { clock, counted, told, sweep } = await sweeping(60_000);
    counted.down = true;
    sweep.start();
    await clock.advance(0);
    expect(told).toMatchObject([{ code: 'unavailable' }]);
    counted.down = false;
    await clock.advance(6_000);
    expect([counted.sweeps, told.length]).toEqual([2, 1]);
    await sweep.stop();
  });

  it('leaves no timer when it is stopped, in the middle of a call too, and does not complain then', async () => {
    const { clock, counted, told, sweep } = await sweeping(60_000);
    counted.down = true;
    sweep.start();
    await sweep.stop();
    await clock.advance(60_000);
    expect([clock.pending, counted.sweeps, told]).toEqual([0, 1, []]);
  });
});
