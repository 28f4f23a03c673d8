import { type Clock, sleep } from '../../ambient/clock.js';

/** Waits for `work`, but no longer than `ms`. Never rejects. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  await Promise.race([work.then(end, end), sleep(clock, ms, over.signal)]);
}
