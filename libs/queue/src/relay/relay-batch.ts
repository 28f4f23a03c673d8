import type { Clock } from '../ambient/clock.js';
import type { PublishResult } from '../backend/backend.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  SubscriptionFullError,
} from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import type { ConfirmedPublish } from './confirmed-publish.js';
import type { RelayItem, RelayOutcome, RelayResult } from './relay-source.js';

/** One item, and what became of it so far. */
export interface Passage<Item extends RelayItem> {
  readonly item: Item;
  /** As it is to be published; undefined: it is not. */
  readonly message: Outgoing | undefined;
  outcome: RelayOutcome | undefined;
}

const MOVED: RelayOutcome = Object.freeze({ kind: 'moved' });
const HELD: RelayOutcome = Object.freeze({ kind: 'held' });

/** How the messages of one key follow each other. See RelayOptions.order. */
export type RelayOrder = 'strict' | 'pipelined';

export interface BatchOptions {
  readonly publish: ConfirmedPublish;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly order: RelayOrder;
}

/**
 * Publishes one batch. In strict order it goes in waves: the first of each key, then the second of each, and so on, so
 * that nothing is sent before what its key brought earlier was confirmed. A failure holds back the rest of its key.
 */
export async function publishBatch<Item extends RelayItem>(
  passages: readonly Passage<Item>[],
  options: BatchOptions,
): Promise<readonly RelayResult<Item>[]> {
  const endsAt = options.clock.mono() + options.timeoutMs;
  const failedKeys = new Set<string | undefined>();
  for (const wave of wavesOf(passages, options.order)) {
    const open = wave.filter(({ item }) => !failedKeys.has(item.message.key));
    if (open.length === 0) continue;
    const results = await options.publish.publish(open.map(toMessage), endsAt - options.clock.mono());
    for (const [at, passage] of open.entries()) {
      passage.outcome = outcomeOf(results[at] as PublishResult);
      const { key } = passage.item.message;
      if (passage.outcome.kind === 'failed' && key !== undefined) failedKeys.add(key);
    }
  }
  return passages.map(({ item, outcome }) => ({ item, outcome: outcome ?? HELD }));
}

function toMessage(passage: Passage<RelayItem>): Outgoing {
  return passage.message as Outgoing;
}

/** Those that are to be published. What has no key has no order, and goes with the first wave. */
function wavesOf<Item extends RelayItem>(
  passages: readonly Passage<Item>[],
  order: RelayOrder,
): readonly Passage<Item>[][] {
  const sendable = passages.filter(({ message }) => message !== undefined);
  if (order === 'pipelined') return sendable.length === 0 ? [] : [sendable];
  const waves: Passage<Item>[][] = [];
  const ofKey = new Map<string, number>();
  for (const passage of sendable) {
    const { key } = passage.item.message;
    const wave = key === undefined ? 0 : (ofKey.get(key) ?? 0);
    if (key !== undefined) ofKey.set(key, wave + 1);
    (waves[wave] ??= []).push(passage);
  }
  return waves;
}

/** A broker that is down, closed or silent, or a subscription that is full, takes the message later; any other refusal is for good. */
function outcomeOf(result: PublishResult): RelayOutcome {
  if (result.status === 'stored') return MOVED;
  const { error } = result;
  const isPassing =
    result.status === 'unknown' ||
    error instanceof BackendUnavailableError ||
    error instanceof BackendClosedError ||
    error instanceof SubscriptionFullError;
  return { kind: isPassing ? 'failed' : 'refused', error };
}
