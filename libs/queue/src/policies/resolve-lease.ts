import { ANOMALIES } from './anomalies.js';
import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

/** A message is one consumer's as long as its handler runs, and somebody else's when that consumer is gone. */
export function resolveLease(
  { leaseMs, longestRunMs }: Extract<Requirement, { need: 'lease' }>,
  { capabilities: { lease } }: Offer,
): Resolution {
  if (lease === false) {
    return refused(
      'has no leases, so the message of a handler that hangs would never go to somebody else',
      'use a backend with leases',
    );
  }
  if (leaseMs > lease.maxMs) {
    const longest = formatDuration(lease.maxMs);
    return refused(
      `leases a message for ${longest} at most`,
      `give @Consume a \`lease\` of '${longest}' or less`,
    );
  }
  if (lease.extend || longestRunMs <= leaseMs) return native(ANOMALIES['two-at-once']);
  return refused(
    'cannot renew a lease',
    'give @Consume a `lease` as long as `maxLease`, or as `timeout` and `abortGrace` together',
    'lease-not-renewed',
  );
}

/** No backend is needed for it. */
export function resolveTimeout({ abortGraceMs }: Extract<Requirement, { need: 'timeout' }>): Resolution {
  return composed(
    'aborting the signal of the handler',
    `a handler that ignores its signal for ${formatDuration(abortGraceMs)} goes on while its message is tried again`,
  );
}
