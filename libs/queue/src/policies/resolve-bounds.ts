import type { Bounds } from '../backend/bounds.js';
import { formatDuration } from './duration.js';
import { native, refused, type Offer, type Resolution } from './resolution.js';

/** Every publisher is held to the bounds of a subscription. */
export function resolveBounds(bounds: Bounds, { capabilities }: Offer): Resolution {
  return capabilities.bounds
    ? native(lossOf(bounds))
    : refused(
        'does not hold publishers to a bound',
        'take the bounds away and watch the depth, or use a backend with bounds',
      );
}

/** What is lost while it is full, in words. */
function lossOf({ whenFull }: Bounds): string {
  switch (whenFull.kind) {
    case 'reject':
      return 'a publish is refused while it is full, in all subscriptions of the topic';
    case 'block':
      return `a publisher waits up to ${formatDuration(whenFull.withinMs)} while it is full, and is refused then`;
    case 'drop-newest':
      return 'what is published while it is full is lost to it';
    case 'drop-oldest':
      return 'each message that comes while it is full costs it the oldest one that is ready';
    case 'throttle':
      return `it grows beyond the bound by up to ${whenFull.perSecond} messages a second and publisher`;
    case 'overflow':
      return `what comes while it is full is handled by the subscriptions of ${whenFull.topic}, and overtakes what waits here`;
  }
}
