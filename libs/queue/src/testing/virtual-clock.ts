import type { CancelTimer, Clock } from '../ambient/clock.js';
import { QueueError } from '../message/queue-error.js';

/** Taken before a test can replace the global. */
const realSetImmediate = setImmediate;
/** How many turns of the event loop follow each timer, so that what it set going comes to rest before time moves on. */
const TURNS = 6;
const START = Date.UTC(2030, 0, 1);

/** What was waited for did not happen within the virtual time allowed. */
export class VirtualTimeoutError extends QueueError {
  readonly code = 'virtual_timeout';

  constructor(what: string, maxMs: number) {
    super(`${what} did not become true within ${maxMs} ms of virtual time`);
  }
}

class Timer {
  cancelled = false;

  constructor(
    readonly dueAt: number,
    readonly fn: () => void,
  ) {}
}

/** Time that stands still until a test moves it. Timers fire in the order of their due times, then of their making. */
export class VirtualClock implements Clock {
  #elapsedMs = 0;
  #timers: Timer[] = [];

  constructor(private readonly startsAt = START) {}

  now(): number {
    return Math.floor(this.startsAt + this.#elapsedMs);
  }

  mono(): number {
    return this.#elapsedMs;
  }

  timer(delayMs: number, fn: () => void): CancelTimer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay in milliseconds, got NaN');
    const timer = new Timer(this.#elapsedMs + Math.max(0, delayMs), fn);
    this.#insert(timer);
    return () => {
      if (timer.cancelled) return;
      timer.cancelled = true;
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have neither fired nor been cancelled: a closed component leaves none. */
  get pending(): number {
    return this.#timers.length;
  }

  /** How long it is, in ms, until the next timer fires; undefined: none ever will. */
  get nextInMs(): number | undefined {
    const next = this.#timers[0];
    return next === undefined || next.dueAt === Infinity ? undefined : next.dueAt - this.#elapsedMs;
  }

  /** Moves time by `ms`, stopping at every timer on the way; promise jobs and immediates run in between. */
  async advance(ms: number): Promise<void> {
    const endsAt = this.#elapsedMs + ms;
    await turns();
    for (let next = this.#due(endsAt); next !== undefined; next = this.#due(endsAt)) {
      this.#fire(next);
      await turns();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, endsAt); // somebody else may have moved it further meanwhile
    await turns();
  }

  /** Time goes on and no timer fires, as while a handler computes: those that are due meanwhile are late. */
  stall(ms: number): void {
    this.#elapsedMs += ms;
  }

  /**
   * Lets time jump from timer to timer until `condition` holds. Throws VirtualTimeoutError after `maxMs` of virtual
   * time, or as soon as no timer is left that could change anything.
   */
  async runUntil(condition: () => boolean, maxMs: number): Promise<void> {
    const endsAt = this.#elapsedMs + maxMs;
    await turns();
    while (!condition()) {
      const next = this.#due(endsAt);
      if (next === undefined) return this.#lastChance(condition, endsAt, maxMs);
      this.#fire(next);
      await turns();
    }
  }

  async #lastChance(condition: () => boolean, endsAt: number, maxMs: number): Promise<void> {
    this.#elapsedMs = Math.max(this.#elapsedMs, endsAt);
    await turns();
    if (!condition()) throw new VirtualTimeoutError(condition.toString(), maxMs);
  }

  #insert(timer: Timer): void {
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Timer).dueAt > timer.dueAt) at--;
    this.#timers.splice(at, 0, timer);
  }

  #due(endsAt: number): Timer | undefined {
    const next = this.#timers[0];
    return next !== undefined && next.dueAt <= endsAt ? next : undefined;
  }

  #fire(timer: Timer): void {
    this.#timers.shift();
    timer.cancelled = true;
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueAt);
    timer.fn();
  }
}

/** The same time as another machine sees it whose wall clock is wrong by `offsetMs`. Its monotonic clock is right. */
export function skewedClock(clock: Clock, offsetMs: number): Clock {
  return {
    now: () => clock.now() + offsetMs,
    mono: () => clock.mono(),
    timer: (delayMs, fn) => clock.timer(delayMs, fn),
  };
}

/**
 * The same time as a process sees it that can stand still: while it is paused none of its timers fires, and those that
 * became due fire when it goes on.
 */
export function pausableClock(clock: Clock): {
  readonly clock: Clock;
  readonly pause: () => void;
  readonly resume: () => void;
} {
  let overdue: Set<() => void> | undefined;
  const timer = (delayMs: number, fn: () => void): CancelTimer => {
    const cancel = clock.timer(delayMs, () => (overdue === undefined ? fn() : overdue.add(fn)));
    return () => {
      cancel();
      overdue?.delete(fn);
    };
  };
  return {
    clock: { now: () => clock.now(), mono: () => clock.mono(), timer },
    pause: () => (overdue ??= new Set()),
    resume: () => {
      const fired = overdue ?? [];
      overdue = undefined;
      for (const fn of fired) fn();
    },
  };
}

/** Lets everything run that needs no time to pass: promise jobs and a few turns of immediates. */
export async function turns(count = TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => realSetImmediate(resolve));
}
