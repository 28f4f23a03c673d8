import { type Bounds, checkBounds } from '../backend/bounds.js';
import { checkRetention } from '../backend/retention.js';
import { parseDuration } from '../policies/duration.js';
import type { RetainOptions } from './queue.options.js';

/** Throws when it is not. */
export function isRetention(value: unknown): boolean {
  const { for: time, max } = value as RetainOptions;
  checkRetention('', { forMs: parseDuration('', time), maxMessages: max });
  return true;
}

/** Throws when it is not. */
export function isBounds(value: unknown): boolean {
  checkBounds('', value as Bounds);
  return true;
}
