import { getEventListeners } from 'node:events';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { sleep } from './clock.js';

/** Whether it is over, to be looked at later. */
function watched(promise: Promise<void>): { over: boolean } {
  const state = { over: false };
  void promise.then(() => (state.over = true));
  return state;
}

describe('sleep', () => {
  it('lasts as long as it was told', async () => {
    const clock = new VirtualClock();
    const nap = watched(sleep(clock, 100));
    await clock.advance(99);
    expect(nap.over).toBe(false);
    await clock.advance(1);
    expect(nap.over).toBe(true);
  });

  it('ends when the signal aborts, and leaves neither timer nor listener', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const nap = watched(sleep(clock, 100, stop.signal));
    stop.abort();
    await turns();
    expect(nap.over).toBe(true);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('leaves no listener when it ends by itself', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const nap = watched(sleep(clock, 100, stop.signal));
    await clock.advance(100);
    expect(nap.over).toBe(true);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('does not begin after the signal aborted', async () => {
    const clock = new VirtualClock();
    await sleep(clock, 100, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });
});
