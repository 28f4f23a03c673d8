import type { Ambient } from '../ambient/ambient.js';
import type { Clock } from '../ambient/clock.js';
import { UuidV7Ids } from '../ambient/ids.js';
import { seededRandom } from '../ambient/random.js';

/** Time as given, and chance from a seed: the same run every time. */
export function testAmbient(clock: Clock, seed = 1): Ambient {
  const random = seededRandom(seed);
  return Object.freeze({ clock, random, ids: new UuidV7Ids(seededRandom(seed + 1)) });
}
