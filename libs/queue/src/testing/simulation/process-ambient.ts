import type { Ambient } from '../../ambient/ambient.js';
import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { UuidV7Ids } from '../../ambient/ids.js';
import { seededRandom } from '../../ambient/random.js';
import type { SimulationScheduler } from './scheduler.js';

const START = Date.UTC(2030, 0, 1);
/** Monotonic clocks of two machines have nothing in common: each begins somewhere else, up to here. */
const LARGEST_UPTIME_MS = 1_000_000;

/** The clock of one simulated machine: its wall clock may be wrong, its monotonic one has a zero of its own. */
export class SimulatedClock implements Clock {
  /** How far the wall clock is off, in ms. */
  skewMs = 0;

  constructor(
    private readonly scheduler: SimulationScheduler,
    private readonly owner: string,
    private readonly uptimeMs: number,
  ) {}

  now(): number {
    return START + Math.floor(this.scheduler.nowMs) + this.skewMs;
  }

  mono(): number {
    return this.uptimeMs + this.scheduler.nowMs;
  }

  timer(delayMs: number, fn: () => void): CancelTimer {
    return this.scheduler.after(this.owner, delayMs, fn);
  }
}

/** Time, chance and ids of one simulated process. */
export interface SimulatedAmbient extends Ambient {
  readonly clock: SimulatedClock;
}

/** `seed` differs from process to process, or their ids and jitter would be the same. */
export function simulatedAmbient(
  scheduler: SimulationScheduler,
  owner: string,
  seed: number,
): SimulatedAmbient {
  const random = seededRandom(seed);
  const uptimeMs = Math.floor(random.next() * LARGEST_UPTIME_MS);
  const clock = new SimulatedClock(scheduler, owner, uptimeMs);
  return Object.freeze({ clock, random, ids: new UuidV7Ids(seededRandom(seed ^ 0x5bd1e995)) });
}
