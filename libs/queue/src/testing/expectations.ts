import { isDeepStrictEqual, inspect } from 'node:util';
import { QueueError } from '../message/queue-error.js';

/** A backend does not do what the laws demand. */
export class LawBrokenError extends QueueError {
  readonly code = 'law_broken';
}

export function must(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new LawBrokenError(sentence);
}

export function mustEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new LawBrokenError(`${what} is ${shown(actual)}, and must be ${shown(expected)}`);
}

/** The `code` of a QueueError, or what it is instead. */
export function codeOf(value: unknown): string {
  return value instanceof QueueError ? value.code : shown(value);
}

function shown(value: unknown): string {
  return inspect(value, {
    depth: 4,
    breakLength: Infinity,
    compact: 100,
    maxStringLength: 200,
    maxArrayLength: 20,
  });
}
