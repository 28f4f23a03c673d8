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
    'use a backend that comes with a store, or recognise repeats in the handler with @Idempotent',
  );
}
