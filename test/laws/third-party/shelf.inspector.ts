import {
  type Depth,
  type Inspected,
  type InspectQuery,
  type MessageState,
  type Peeked,
  UnknownSubscriptionError,
  UnsupportedError,
} from '@pigeonpost/queue';
import type { DeadItem, Item, Shelf } from './shelf.js';

export function* inspect(
  backend: string,
  shelf: Shelf,
  query: InspectQuery,
  nowMs: number,
): Generator<Inspected> {
  switch (query.kind) {
    case 'depth':
      if (query.subscription !== undefined && !shelf.items.has(query.subscription)) {
        throw new UnknownSubscriptionError(backend, query.subscription);
      }
      for (const name of shelf.items.keys()) {
        if (query.subscription === undefined || query.subscription === name) yield depth(shelf, name, nowMs);
      }
      return;
    case 'browse':
      yield* itemsIn(shelf, query, nowMs)
        .filter(({ ref, message }) => ref > (query.after ?? '') && (query.id ?? message.id) === message.id)
        .slice(0, query.limit)
        .map((item) => peeked(item, query.subscription, query.state));
      return;
    case 'purge': {
      const doomed = itemsIn(shelf, query, nowMs).filter(({ ref }) => (query.ref ?? ref) === ref);
      const { subscription } = query;
      const keep = <T extends Item>(items: readonly T[] = []): T[] =>
        items.filter((item) => !doomed.includes(item));
      if (query.state === 'dead') shelf.dead.set(subscription, keep(shelf.dead.get(subscription)));
      else shelf.items.set(subscription, keep(shelf.items.get(subscription)));
      yield { kind: 'purged', count: doomed.length };
      return;
    }
    case 'expire': {
      const dead = shelf.dead.get(query.subscription) ?? [];
      const kept = dead.filter(({ deadWall }) => deadWall >= query.before);
      shelf.dead.set(query.subscription, kept);
      yield { kind: 'purged', count: dead.length - kept.length };
      return;
    }
    case 'revive':
      yield { kind: 'revived', count: 0 };
      return;
    case 'cancel':
      throw new UnsupportedError(backend, 'take back a delayed message', 'let it come and ignore it');
  }
}

function stateOf({ leased, readyAt }: Item, nowMs: number): MessageState {
  if (readyAt <= nowMs) return 'ready';
  return leased ? 'inflight' : 'delayed';
}

function itemsIn(
  shelf: Shelf,
  { subscription, state }: { readonly subscription: string; readonly state: MessageState },
  nowMs: number,
): readonly (Item | DeadItem)[] {
  if (state === 'dead') return shelf.dead.get(subscription) ?? [];
  return (shelf.items.get(subscription) ?? []).filter((item) => stateOf(item, nowMs) === state);
}

function depth(shelf: Shelf, subscription: string, nowMs: number): Depth {
  const count = (state: MessageState): number => itemsIn(shelf, { subscription, state }, nowMs).length;
  const places = itemsIn(shelf, { subscription, state: 'ready' }, nowMs).map(({ place }) => place);
  return {
    kind: 'depth',
    subscription,
    ready: count('ready'),
    delayed: count('delayed'),
    held: 0,
    inflight: count('inflight'),
    dead: count('dead'),
    oldestReadyMs: places.length === 0 ? undefined : nowMs - Math.min(...places),
  };
}

function peeked(item: Item | DeadItem, subscription: string, state: MessageState): Peeked {
  const { ref, message, body, headers, failures, deliveries, releases, failed } = item;
  const { id, topic, key } = message;
  const ended = deliveries - releases - (item.leased ? 1 : 0);
  return {
    kind: 'message',
    ref,
    state,
    id,
    topic,
    subscription,
    key,
    priority: 0,
    body,
    headers,
    publishedAt: item.publishedWall,
    attempts: state === 'inflight' ? ended + 1 : ended,
    crashes: ended - failed,
    failures,
    deadAt: 'deadWall' in item ? item.deadWall : undefined,
  };
}
