import type { Random } from '../ambient/random.js';

const FIRST_MS = 100;
/** Short enough that a consumer works again within ten seconds of its broker's return. */
const LONGEST_MS = 4_000;

/**
 * How long to wait before the 1-based `attempt` to connect again, in whole ms: doubling up to 4 s, and between half of
 * that and all of it, so that the processes that a broker lost in one moment do not return in one moment.
 */
export function reconnectDelayMs(attempt: number, random: Random): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 30));
  return Math.round(most * (0.5 + 0.5 * random.next()));
}
