import { type Clock, sleep } from '../ambient/clock.js';
import { systemClock } from '../ambient/system-clock.js';
import { QueueError } from '../message/queue-error.js';
import { turns, VirtualClock } from './virtual-clock.js';

/** Time as a law sees it: the same law runs on virtual time in no time, and on real time with patience. */
export interface LawTime {
  readonly clock: Clock;
  /** How long silence must last before it counts as silence, in ms. */
  readonly slackMs: number;
  /** How much later than due something may be seen, in ms: a busy machine is late and breaks no law. */
  readonly latestMs: number;
  /** Lets `ms` go by. */
  pass(ms: number): Promise<void>;
  /** Stops this process for `ms`: no timer fires, nothing else runs. */
  stall(ms: number): void;
  /** Lets time go by until `condition` holds. Throws when it does not within `maxMs`. */
  until(condition: () => boolean, maxMs: number): Promise<void>;
}

/** Something that should have happened did not, in real time. */
export class LateError extends QueueError {
  readonly code = 'late';

  constructor(condition: () => boolean, maxMs: number) {
    super(`${condition.toString()} did not become true within ${maxMs} ms`);
  }
}

export function virtualTime(clock = new VirtualClock()): LawTime {
  return {
    clock,
    slackMs: 1,
    latestMs: 1,
    pass: (ms) => clock.advance(ms),
    stall: (ms) => clock.stall(ms),
    until: (condition, maxMs) => clock.runUntil(condition, maxMs),
  };
}

const LOOK_EVERY_MS = 2;
const REAL_SLACK_MS = 400;
/** Other processes may want the processor too. */
const REAL_LATEST_MS = 10_000;

export function realTime(clock: Clock = systemClock): LawTime {
  return {
    clock,
    slackMs: REAL_SLACK_MS,
    latestMs: REAL_LATEST_MS,
    pass: (ms) => sleep(clock, ms),
    stall: (ms) => {
      for (const endsAt = clock.mono() + ms; clock.mono() < endsAt;);
    },
    until: async (condition, maxMs) => {
      const endsAt = clock.mono() + maxMs + REAL_LATEST_MS;
      for (await turns(); !condition(); await sleep(clock, LOOK_EVERY_MS)) {
        if (clock.mono() > endsAt) throw new LateError(condition, maxMs);
      }
    },
  };
}
