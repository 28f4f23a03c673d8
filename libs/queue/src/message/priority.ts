import { quote } from './names.js';
import { QueueError } from './queue-error.js';

/** Levels of priority: 0 (the default, last) to 9 (first). */
export const PRIORITY_LEVELS = 10;

export class InvalidPriorityError extends QueueError {
  readonly code = 'invalid_priority';

  constructor(given: unknown) {
    const shown = typeof given === 'number' ? String(given) : quote(given);
    super(`the priority is ${shown}: give a whole number from 0 (the default, last) to 9 (first)`);
  }
}

export function isPriority(given: unknown): given is number {
  return Number.isInteger(given) && (given as number) >= 0 && (given as number) < PRIORITY_LEVELS;
}

/** The level; undefined for the lowest one, which is that of a message without any. Throws InvalidPriorityError. */
export function checkPriority(given: unknown): number | undefined {
  if (!isPriority(given)) throw new InvalidPriorityError(given);
  return given === 0 ? undefined : given;
}
