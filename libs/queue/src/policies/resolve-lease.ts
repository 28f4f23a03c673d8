import { ANOMALIES } from './anomalies.js';
import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

/** A message is one consumer's as long as its handler runs, and somebody else's when that consumer is gone. */
export function resolveLease(
  { leaseMs, longestRunMs, isRunLimited }: Extract<Requirement, { need: 'lease' }>,
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
  const holdMs = lease.holdMs ?? Infinity;
  if (longestRunMs > holdMs) return held(holdMs, isRunLimited);
  if (lease.extend || longestRunMs <= leaseMs) return native(ANOMALIES['two-at-once']);
  return refused(
    'cannot renew a lease',
    'give @Consume a `lease` as long as `maxLease`, or as `timeout` and `abortGrace` together',
    'lease-not-renewed',
  );
}

/** Nobody said how long the handler runs: then the plan tells what it can be. */
function held(holdMs: number, isRunLimited: boolean): Resolution {
  const longest = formatDuration(holdMs);
  if (!isRunLimited)
    return native(
      `${ANOMALIES['two-at-once']}; one that runs for longer than ${longest} is aborted, and its message goes to somebody else`,
    );
  return refused(
    `takes a message back after ${longest}, however often its lease is renewed`,
    `let \`timeout\` and \`abortGrace\` together, or \`maxLease\`, be '${longest}' or less, or raise the limit on the broker and in the options of the backend`,
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
