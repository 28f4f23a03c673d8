import type { Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';

/**
 * One step on the way of a delivery. `enter` runs on the way in, outermost station first; an outcome it returns ends
 * the way there. `exit` runs on the way back, innermost first, for every station that was entered and let pass; it
 * returns the outcome as it should go on. Both answer at once when they can: a promise only where something waits,
 * because on the fast path a promise per station would cost more than everything else.
 */
export interface Station {
  readonly name: string;
  enter?(handling: Handling): Outcome | undefined | Promise<Outcome | undefined>;
  exit?(handling: Handling, outcome: Outcome): Outcome | Promise<Outcome>;
}
