import type { Depth, InspectQuery, MessageState, Peeked, Purged } from '../../backend/inspect.js';
import { type Copy, ownBytes } from './memory.copy.js';
import type { MemorySubscription } from './memory.subscription.js';

/** Present counts: time is caught up with first. */
export function depthOf(subscription: MemorySubscription): Depth {
  bringUpToDate(subscription);
  const { backlog, inflight, dead, clock } = subscription;
  const oldest = backlog.oldestReady();
  return {
    kind: 'depth',
    subscription: subscription.name,
    ready: backlog.ready,
    delayed: backlog.delayed,
    inflight: inflight.size,
    dead: dead.size,
    oldestReadyMs: oldest === undefined ? undefined : clock.mono() - oldest.stamp.monoMs,
  };
}

export function* browse(
  subscription: MemorySubscription,
  query: InspectQuery & { kind: 'browse' },
): Generator<Peeked> {
  bringUpToDate(subscription);
  const { id, limit, state } = query;
  const after = query.after === undefined ? -1 : Number(query.after);
  const found = [...copiesIn(subscription, state)]
    .filter((copy) => copy.seq > after && (id === undefined || copy.message.id === id))
    .toSorted((a, b) => a.seq - b.seq);
  for (const copy of found.slice(0, limit)) yield peeked(subscription, copy, state);
}

export function purge(subscription: MemorySubscription, query: InspectQuery & { kind: 'purge' }): Purged {
  bringUpToDate(subscription);
  const doomed = [...copiesIn(subscription, query.state)].filter(
    (copy) => query.ref === undefined || copy.ref === query.ref,
  );
  for (const copy of doomed) {
    if (query.state === 'dead') subscription.dead.delete(copy.seq);
    else subscription.backlog.remove(copy, query.state);
  }
  return { kind: 'purged', count: doomed.length };
}

export function expire({ dead }: MemorySubscription, before: number): Purged {
  let count = 0;
  for (const [seq, { deadAt = before }] of dead) {
    if (deadAt >= before) continue;
    dead.delete(seq);
    count++;
  }
  return { kind: 'purged', count };
}

function bringUpToDate(subscription: MemorySubscription): void {
  const monoMs = subscription.clock.mono();
  subscription.catchUp(monoMs);
  subscription.backlog.sweep(monoMs);
}

function copiesIn(subscription: MemorySubscription, state: MessageState): Iterable<Copy> {
  switch (state) {
    case 'ready':
      return subscription.backlog.listReady();
    case 'delayed':
      return subscription.backlog.listDelayed();
    case 'inflight':
      return subscription.inflight.list();
    case 'dead':
      return subscription.dead.values();
  }
}

function peeked(subscription: MemorySubscription, copy: Copy, state: MessageState): Peeked {
  const { message } = copy;
  const hasRun = state === 'inflight' || state === 'dead';
  return {
    kind: 'message',
    ref: copy.ref,
    state,
    id: message.id,
    topic: message.topic,
    subscription: subscription.name,
    key: message.key,
    priority: message.priority ?? 0,
    body: ownBytes(message.body),
    headers: message.headers,
    publishedAt: copy.stamp.wallMs,
    attempts: hasRun ? copy.attempt : copy.attempt - 1,
    crashes: copy.crashes,
    failures: copy.failures,
    deadAt: copy.deadAt,
  };
}
