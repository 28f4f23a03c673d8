import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, refused, type Offer, type Resolution } from './resolution.js';

type Of<Need extends Requirement['need']> = Extract<Requirement, { need: Need }>;

/** No backend is needed for it. */
export function resolveRate(): Resolution {
  return composed(
    'waiting before a message is taken',
    'each process counts for itself: several together start as many times more',
  );
}

/** No backend is needed for it. */
export function resolveCircuit({ failures }: Of<'circuit'>): Resolution {
  return composed(
    'taking nothing while it is open',
    `each process finds out for itself, and what is at work when the circuit opens can fail beyond the ${failures}`,
  );
}

/** Somebody has to remember whose turn it is. */
export function resolveSingle({ leaseMs }: Of<'single consumer'>, { remembers }: Offer): Resolution {
  if (!remembers) {
    return refused(
      'has no store to remember who handles in',
      'use a backend that comes with a store, or name that of another one in its `store`',
    );
  }
  return composed(
    'a lease in the store of the backend',
    `nobody handles for up to ${formatDuration(leaseMs)} after the holder died, and one that stalls for longer finishes its running handlers beside its successor`,
  );
}
