import type { Delay } from '../backend/capabilities.js';
import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

type Of<Need extends Requirement['need']> = Extract<Requirement, { need: Need }>;

/** Failed messages come again after the waits of the policy. */
export function resolveRetry({ longestMs }: Of<'retry'>, { capabilities, leaving }: Offer): Resolution {
  if (longestMs === 0) return native();
  const { retry: longest } = capabilities.delay;
  const isElsewhere = leaving !== undefined && longestMs > leaving.beyondMs;
  if (isElsewhere && longest !== false && longestMs <= longest.maxMs) return elsewhere(leaving.beyondMs);
  const delay = leaving === undefined || isElsewhere ? longest : leaving.staying;
  if (delay === false) {
    return refused(
      'cannot delay a retry',
      "use a backend with delayed retries, or retry at once with @Retry({ backoff: fixed('0s') })",
    );
  }
  return longestMs > delay.maxMs ? tooLong(delay.maxMs) : ofKind(delay.kind);
}

function elsewhere(beyondMs: number): Resolution {
  const which = beyondMs === 0 ? 'retries' : `retries after more than ${formatDuration(beyondMs)}`;
  return composed(
    `keeping ${which} on the backend named in \`delays\``,
    'a crash between the copy there and the acknowledgement here repeats the message; it comes back behind what was published meanwhile',
  );
}

function tooLong(maxMs: number): Resolution {
  const longest = formatDuration(maxMs);
  return refused(
    `delays a retry by ${longest} at most`,
    `cap the backoff of @Retry at '${longest}', or use a backend with longer delays`,
  );
}

function ofKind(kind: Exclude<Delay, false>['kind']): Resolution {
  switch (kind) {
    case 'exact':
      return native();
    case 'tiers':
      return composed(
        'rounding each wait up to the next one that the backend has',
        'a retry comes late by up to the distance of two waits',
      );
    case 'backoff':
      return refused(
        'has a backoff of its own and takes no waits',
        'use a backend with delayed retries',
        'broker-backoff',
      );
  }
}

/** Somebody counts, so that the last attempt is known to be the last. */
export function resolveAttempts({ capabilities: { attempts } }: Offer): Resolution {
  switch (attempts) {
    case 'counted-on-crash':
    case 'counted':
      return native();
    case 'flag':
    case 'none':
      return refused(
        'does not count attempts',
        'use a backend that counts, or @Retry({ attempts: 1 })',
        'uncounted-attempts',
      );
  }
}

/** A crash counts too, so that a message which ends its process is given up. */
export function resolveCrashes({ capabilities: { attempts } }: Offer): Resolution {
  return attempts === 'counted-on-crash'
    ? native()
    : refused(
        'forgets the attempts that ended in a crash',
        'use a backend that counts a delivery before it hands it out',
        'uncounted-crashes',
      );
}
