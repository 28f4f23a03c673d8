import type { Depth, InspectQuery, MessageState, Peeked, Purged, Revived } from '../../backend/inspect.js';
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
    held: subscription.keys?.held ?? 0,
    inflight: inflight.size,
    dead: dead.size,
    oldestReadyMs: oldest === undefined ? undefined : clock.mono() - oldest.stamp.monoMs,
    ...(subscription.bounds !== undefined && { dropped: subscription.dropped }),
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
  for (const copy of doomed) remove(subscription, copy, query.state);
  subscription.wake(subscription.clock.mono());
  return { kind: 'purged', count: doomed.length };
}

export function expire({ dead }: MemorySubscription, before: number): Purged {
  let count = 0;
  for (const [seq, { deadAt = before, inOrder }] of dead) {
    if (deadAt >= before || inOrder) continue;
    dead.delete(seq);
    count++;
  }
  return { kind: 'purged', count };
}

/** The dead letter has kept its turn, so that being in line again is all it needs. */
export function revive(
  subscription: MemorySubscription,
  { ref, headers }: InspectQuery & { kind: 'revive' },
): Revived {
  const copy = subscription.dead.get(Number(ref));
  if (copy === undefined || !copy.inOrder) return { kind: 'revived', count: 0 };
  bringUpToDate(subscription);
  subscription.dead.delete(copy.seq);
  subscription.backlog.append(copy.revived(headers));
  subscription.wake(subscription.clock.mono());
  return { kind: 'revived', count: 1 };
}

/** Copies of a delayed publish that are not yet due, and were never handed out. */
export function cancel(subscription: MemorySubscription, id: string): readonly Copy[] {
  bringUpToDate(subscription);
  const monoMs = subscription.clock.mono();
  const isPlanned = ({ message, stamp, attempt }: Copy): boolean =>
    message.id === id && attempt === 1 && stamp.monoMs + (message.delayMs ?? 0) > monoMs;
  const planned = (['delayed', 'held'] as const).flatMap((state) =>
    [...copiesIn(subscription, state)].filter(isPlanned).map((copy) => ({ copy, state })),
  );
  for (const { copy, state } of planned) remove(subscription, copy, state);
  return planned.map(({ copy }) => copy);
}

function remove(
  subscription: MemorySubscription,
  copy: Copy,
  from: 'ready' | 'delayed' | 'held' | 'dead',
): void {
  if (from === 'held') return subscription.keys?.remove(copy);
  if (from === 'dead') subscription.dead.delete(copy.seq);
  else subscription.backlog.remove(copy, from);
  subscription.passTurn(copy, subscription.clock.mono());
}

function bringUpToDate(subscription: MemorySubscription): void {
  const monoMs = subscription.clock.mono();
  subscription.catchUp(monoMs);
  subscription.backlog.sweep(monoMs);
  subscription.keys?.sweep(monoMs);
  subscription.wake(monoMs); // what has expired may have passed its turn on
}

function copiesIn(subscription: MemorySubscription, state: MessageState): Iterable<Copy> {
  switch (state) {
    case 'ready':
      return subscription.backlog.listReady();
    case 'delayed':
      return subscription.backlog.listDelayed();
    case 'held':
      return subscription.keys?.list() ?? [];
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
    holdsKey: state === 'dead' && copy.inOrder,
  };
}
