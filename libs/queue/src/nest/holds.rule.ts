import { registerDecorator } from 'class-validator';
import { parseDuration } from '../policies/duration.js';

/** A check of our own: `holds` may throw. */
export function Holds(rule: string, holds: (value: unknown) => boolean): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'holds',
      target: target.constructor,
      propertyName: String(property),
      validator: { validate: (value) => passes(holds, value), defaultMessage: () => rule },
    });
}

function passes(holds: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return holds(value);
  } catch {
    return false;
  }
}

/** Milliseconds, or a text such as `1s`. */
export const IsDuration = (): PropertyDecorator =>
  Holds("must be milliseconds from 0 up, or a text such as '500ms', '1s' or '5m'", (value) => {
    parseDuration('', value);
    return true;
  });
