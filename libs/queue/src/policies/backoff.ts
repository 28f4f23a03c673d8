import { QueueError } from '../message/queue-error.js';
import { parseDuration, type Duration } from './duration.js';

/**
 * How long to wait after a failed attempt. Pure: the 1-based attempt that failed and a number in [0, 1) go in,
 * milliseconds come out, and asking twice gives one answer.
 */
export type Backoff = (attempt: number, random: number) => number;

export interface ExponentialOptions {
  /** Longest wait; default 5 minutes. */
  readonly cap?: Duration;
  /** Growth from one attempt to the next; default 2. */
  readonly factor?: number;
  /** Share of the wait that is added at random, 0 to 1, so that failures of one moment do not return in one moment; default 0.2. */
  readonly jitter?: number;
}

export class InvalidBackoffError extends QueueError {
  readonly code = 'invalid_backoff';
}

/** `base`, `base * factor`, `base * factor²`, … up to `cap`; jitter only ever adds, and never beyond the cap. */
export function exponential(base: Duration, options: ExponentialOptions = {}): Backoff {
  const baseMs = parseDuration('backoff base', base);
  const capMs = parseDuration('backoff cap', options.cap ?? '5m');
  const factor = within('factor', options.factor ?? 2, { low: 1, high: 1_000 });
  const jitter = within('jitter', options.jitter ?? 0.2, { low: 0, high: 1 });
  return (attempt, random) => {
    const plain = Math.min(capMs, baseMs * Math.min(Number.MAX_VALUE, factor ** (attempt - 1)));
    return Math.min(capMs, plain * (1 + jitter * random));
  };
}

function within(name: string, value: number, { low, high }: { low: number; high: number }): number {
  if (value >= low && value <= high) return value;
  throw new InvalidBackoffError(
    `backoff ${name} is ${String(value)}, it must be a number from ${low} to ${high}`,
  );
}

/** The same wait after each attempt. */
export function fixed(wait: Duration): Backoff {
  const waitMs = parseDuration('backoff wait', wait);
  return () => waitMs;
}

/** These waits in order; the last one repeats. */
export function schedule(waits: readonly [Duration, ...Duration[]]): Backoff {
  const waitsMs = waits.map((wait) => parseDuration('backoff wait', wait));
  return (attempt) => waitsMs[Math.min(attempt, waitsMs.length) - 1] as number;
}

export const DEFAULT_BACKOFF: Backoff = exponential('1s');

/** Highest of the dice: they are below 1. */
const HIGHEST_RANDOM = 1 - Number.EPSILON;

/** The longest wait after each of the first `count` attempts, whatever the dice say; whole ms, rounded up. */
export function longestWaitsMs(backoff: Backoff, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) =>
    Math.ceil(Math.max(safeBackoffMs(backoff, at + 1, 0), safeBackoffMs(backoff, at + 1, HIGHEST_RANDOM))),
  );
}

/** What `backoff` says, or what the default says when it throws or answers with something that is no time. */
export function safeBackoffMs(backoff: Backoff, attempt: number, random: number): number {
  const waitMs = attemptBackoff(backoff, attempt, random);
  return Number.isFinite(waitMs) && waitMs >= 0 ? waitMs : DEFAULT_BACKOFF(attempt, random);
}

function attemptBackoff(backoff: Backoff, attempt: number, random: number): number {
  try {
    return backoff(attempt, random);
  } catch {
    return Number.NaN;
  }
}
