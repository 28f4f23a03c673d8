import type { Requirement } from './requirements.js';
import { objectionToGate } from '../composed/key-order/key-gate.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

const GATE = 'a gate in one process at a time, and a park in the store';

/** Messages of one key are handled one after the other. */
export function resolveOrder({ capabilities, remembers }: Offer): Resolution {
  if (capabilities.order === 'key') {
    return native(
      'a handler that goes on after its lease ended, or after its timeout, meets the next attempt',
    );
  }
  const objection = objectionToGate(capabilities);
  if (objection !== undefined)
    return refused(objection, 'use a backend with an order by key', 'another-order');
  if (remembers) {
    return composed(
      GATE,
      'the other processes wait, and take over after a crash when its right and its leases have ended; a handler that goes on after its lease ended, or after its timeout, meets the next attempt; what is published for later has its place when it is due',
    );
  }
  return refused(
    'hands out the messages of one key to several at once',
    "name a backend with a store in its options, as `store: '…'`, or use a backend with an order by key",
    'another-order',
  );
}

/** Whether a gate makes up for the backend: see resolveOrder. */
function isGated({ capabilities, remembers }: Offer): boolean {
  return remembers && objectionToGate(capabilities) === undefined;
}

/** A key waits for a message that failed. */
export function resolveOrderOnRetry(
  { longestMs }: Extract<Requirement, { need: 'order on retry' }>,
  offer: Offer,
): Resolution {
  const { capabilities, leaving } = offer;
  if (isGated(offer) && (leaving === undefined || longestMs <= leaving.beyondMs)) return composed(GATE);
  const stays = leaving !== undefined && longestMs <= leaving.beyondMs;
  switch (stays ? leaving.onRetry : capabilities.onRetry) {
    case 'block-key':
      return native();
    case 'block-queue':
      return native('all keys wait, not only that of the failed message');
    case 'breaks':
      return refused(
        'lets later messages of a key go on while one of them waits for its next attempt',
        "use a backend whose retries block their key, or ask for no more with order: { by: 'key', onRetry: 'breaks' }",
        'overtaken',
      );
  }
}

/** A key waits for its dead letter. */
export function resolveOrderOnDeath(offer: Offer): Resolution {
  if (isGated(offer)) {
    return composed(
      GATE,
      'a key with a dead letter stands still until that is replayed or purged; the dead letter is kept in the store',
    );
  }
  return offer.capabilities.onDead === 'hold'
    ? native('a key with a dead letter stands still until that is replayed or purged')
    : refused(
        'lets a key go on when one of its messages is a dead letter',
        "use a backend that can hold a key, or ask for no more with order: { by: 'key', onDead: 'skip' }",
        'skipped-dead',
      );
}
