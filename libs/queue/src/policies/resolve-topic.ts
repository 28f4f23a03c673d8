import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

/** A message that is published again within the window is stored once. */
export function resolveDedup(
  { windowMs }: Extract<Requirement, { need: 'dedup' }>,
  { capabilities: { dedup }, remembers }: Offer,
): Resolution {
  if (dedup === false) return remembers ? inTheStore() : nowhere();
  if (windowMs <= dedup.windowMs) return native('a repeat that comes after the window is stored again');
  const longest = formatDuration(dedup.windowMs);
  return refused(
    `recognises a repeat for ${longest} at most`,
    `shorten the window to '${longest}', or recognise repeats in the handler with @Idempotent`,
  );
}

function inTheStore(): Resolution {
  return composed(
    'keys in the store of the backend',
    'a process that dies between the publish and the note of it leaves a message that a repeat stores again',
  );
}

function nowhere(): Resolution {
  return refused(
    'stores a repeated publish again, and has no store to recognise it with',
    'use a backend that comes with a store, name that of another one in its `store`, or recognise repeats in the handler with @Idempotent',
  );
}

/** What is published is kept for subscriptions that come later. */
export function resolveLog(
  { forMs }: Extract<Requirement, { need: 'log' }>,
  { capabilities: { log } }: Offer,
): Resolution {
  if (log === false) {
    return refused('keeps no message beyond its subscriptions', 'use a backend whose topics retain');
  }
  if (forMs <= log.maxAgeMs) return native('what is older, or too much, is gone');
  const longest = formatDuration(log.maxAgeMs);
  return refused(`retains messages for ${longest} at most`, `shorten retain.for to '${longest}'`);
}

/** A new subscription begins with what its topics have retained. */
export function resolveEarliest({ capabilities: { log } }: Offer): Resolution {
  return log === false
    ? refused(
        'cannot hand over what was published before',
        "start at 'latest', or use a backend whose topics retain their messages",
      )
    : native('only when it begins to listen: what its topics no longer retain then does not come');
}
