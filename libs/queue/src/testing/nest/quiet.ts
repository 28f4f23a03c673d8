import { systemClock } from '../../ambient/system-clock.js';
import { turns } from '../virtual-clock.js';

/** Counts what happens, so that silence can be told from work. */
export interface Activity {
  /** Publishes, deliveries and settlements so far. */
  count: number;
  /** Deliveries so far. */
  deliveries: number;
}

/**
 * Silence on a virtual clock: nothing more happens unless time moves. A handler that waits for the real world, such
 * as a database, is given real time first: without it, virtual hours would pass while it waits for a millisecond.
 */
export class Quiet {
  #seen = -1;
  #wasBusy = false;
  #since = 0;

  constructor(
    private readonly activity: Activity,
    private readonly patienceMs: number,
  ) {}

  /** Resolves when it is quiet, or when `isOver`. */
  async comes(isBusy: () => boolean, isOver: () => boolean = () => false): Promise<void> {
    do {
      await turns();
    } while (!isOver() && (this.#stirs(isBusy()) || (this.#wasBusy && this.#isPatient())));
  }

  /** A handler that has just ended is not quiet: it is about to be settled. */
  #stirs(busy: boolean): boolean {
    if (this.activity.count === this.#seen && busy === this.#wasBusy) return false;
    this.#seen = this.activity.count;
    this.#wasBusy = busy;
    this.#since = systemClock.mono();
    return true;
  }

  #isPatient(): boolean {
    return systemClock.mono() - this.#since < this.patienceMs;
  }
}
