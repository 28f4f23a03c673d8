import { QueueError } from '../message/queue-error.js';
import { quote } from '../message/names.js';

type Unit = 'ms' | 's' | 'm' | 'h' | 'd';

/** A length of time: a number of milliseconds, or a text such as `500ms`, `1.5s`, `5m`, `2h`, `3d`. */
export type Duration = number | `${number}${Unit}`;

const UNIT_MS: Readonly<Record<Unit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
/** A century: whoever asks for more has mixed up a unit. */
const LONGEST_MS = 100 * 365.25 * UNIT_MS.d;

export class InvalidDurationError extends QueueError {
  readonly code = 'invalid_duration';

  constructor(what: string, given: unknown) {
    const shown = typeof given === 'number' ? String(given) : quote(given);
    super(
      `${what} is ${shown}: give milliseconds from 0 up, or a text such as '500ms', '1s', '5m', '2h' or '3d'`,
    );
  }
}

/** Milliseconds. `what` names the option in the error. Throws InvalidDurationError. */
export function parseDuration(what: string, given: unknown): number {
  const ms = typeof given === 'string' ? fromText(given) : given;
  if (typeof ms === 'number' && ms >= 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidDurationError(what, given);
}

function fromText(text: string): number {
  const match = TEXT.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2] as Unit] : Number.NaN;
}

const COARSE = ['d', 'h', 'm', 's'] as const satisfies readonly Unit[];

/** Whole ms as a text that `parseDuration` reads back: in the largest unit that divides them, else as `9.6s` or `70ms`. */
export function formatDuration(ms: number): Duration {
  const whole = Math.ceil(ms);
  const unit = COARSE.find((each) => whole >= UNIT_MS[each] && whole % UNIT_MS[each] === 0);
  if (unit !== undefined) return `${whole / UNIT_MS[unit]}${unit}`;
  return whole < UNIT_MS.s ? `${whole}ms` : `${whole / UNIT_MS.s}s`;
}
