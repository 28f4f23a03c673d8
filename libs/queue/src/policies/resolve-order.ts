import type { Requirement } from './requirements.js';
import { native, refused, type Offer, type Resolution } from './resolution.js';

/** Messages of one key are handled one after the other. */
export function resolveOrder({ capabilities: { order } }: Offer): Resolution {
  if (order === 'key') {
    return native(
      'a handler that goes on after its lease ended, or after its timeout, meets the next attempt',
    );
  }
  return refused(
    order === 'queue' ? 'hands out the messages of one key to several at once' : 'keeps no order',
    'use a backend with an order by key',
    'another-order',
  );
}

/** A key waits for a message that failed. */
export function resolveOrderOnRetry(
  { longestMs }: Extract<Requirement, { need: 'order on retry' }>,
  { capabilities, leaving }: Offer,
): Resolution {
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
export function resolveOrderOnDeath({ capabilities: { onDead } }: Offer): Resolution {
  return onDead === 'hold'
    ? native('a key with a dead letter stands still until that is replayed or purged')
    : refused(
        'lets a key go on when one of its messages is a dead letter',
        "use a backend that can hold a key, or ask for no more with order: { by: 'key', onDead: 'skip' }",
        'skipped-dead',
      );
}
