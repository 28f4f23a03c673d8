import { formatDuration } from './duration.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

/** An intent is handled once, as long as it is remembered. */
export function resolveIdempotency(
  { ttlMs, retrySpanMs, raw }: Extract<Requirement, { need: 'idempotency' }>,
  { remembers }: Offer,
): Resolution {
  if (raw) {
    return refused(
      'hands a raw handler bytes without an event, so that there is no key to recognise',
      'take `raw` or @Idempotent away',
    );
  }
  if (!remembers) {
    return refused(
      'has no store to remember keys in',
      'use a backend that comes with a store, or name that of another one in its `store`',
    );
  }
  const forgets =
    ttlMs < retrySpanMs
      ? `; a key is forgotten after ${formatDuration(ttlMs)}, before the last retry (${formatDuration(retrySpanMs)})`
      : '';
  return composed(
    'keys in the store of the backend',
    `an effect outside the store's transaction repeats when the process dies between the effect and the note of it${forgets}`,
  );
}

/** No backend is needed for it. */
export function resolveRouting({ untaken }: Extract<Requirement, { need: 'routing' }>): Resolution {
  return composed('looking at each message in the consumer', UNTAKEN[untaken]);
}

const UNTAKEN = {
  rest: undefined,
  dead: 'a message that no handler takes is a dead letter',
  ack: 'a message that no handler takes is gone, unhandled',
};

/** No backend is needed for it. */
export function resolveBatch({ withinMs }: Extract<Requirement, { need: 'batch' }>): Resolution {
  return composed(
    'gathering messages in the consumer',
    `a message waits up to ${formatDuration(withinMs)} for others; a crash repeats a whole batch`,
  );
}

/** As many messages at once as asked, in calls that the backend takes. */
export function resolveConcurrency(
  { slots, prefetch }: Extract<Requirement, { need: 'concurrency' }>,
  { capabilities: { batch } }: Offer,
): Resolution {
  const wanted = slots + (prefetch === 'auto' ? 0 : prefetch);
  const size = Math.min(batch.receive, batch.settle);
  if (wanted <= size) return native();
  return composed(
    `calls of ${batch.receive} received and ${batch.settle} settled messages at most`,
    `filling all slots takes ${Math.ceil(wanted / size)} round trips`,
  );
}
