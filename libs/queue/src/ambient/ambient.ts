import type { Clock } from './clock.js';
import { systemClock } from './system-clock.js';
import { type Random, systemRandom } from './random.js';
import { type Ids, UuidV7Ids } from './ids.js';

/** What the library would otherwise take from globals. Injected everywhere, replaced as a whole in tests. */
export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
}

export const systemAmbient: Ambient = Object.freeze({
  clock: systemClock,
  random: systemRandom,
  ids: new UuidV7Ids(systemRandom),
});
