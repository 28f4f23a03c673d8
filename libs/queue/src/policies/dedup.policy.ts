import { InvalidDedupError, MAX_DEDUP_WINDOW_MS } from '../message/dedup.js';
import { formatDuration, parseDuration } from './duration.js';

/** Milliseconds of a window. `what` names the option in the error. */
export function parseWindow(what: string, given: unknown): number {
  const windowMs = parseDuration(what, given);
  if (windowMs > 0 && windowMs <= MAX_DEDUP_WINDOW_MS) return windowMs;
  throw new InvalidDedupError(
    `${what} is ${windowMs} ms: a window is longer than 0 and at most ${formatDuration(MAX_DEDUP_WINDOW_MS)}`,
  );
}
