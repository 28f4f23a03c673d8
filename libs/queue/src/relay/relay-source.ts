import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';

/** One message on its way from a source to a target. Sources add what they need to know it by. */
export interface RelayItem {
  /** As it would be published, unless the relay changes it. Items with one `message.key` are kept in order. */
  readonly message: Outgoing;
}

/**
 * What became of one item. `moved`: the target confirmed it. `dropped`: it was not to be moved, has been where it was
 * to go, or its time to live was over. `refused`: the target will never take it. `failed`: it may be taken later; it may even be stored
 * already. `held`: not tried, because one before it failed.
 */
export type RelayOutcome =
  | { readonly kind: 'moved' }
  | { readonly kind: 'dropped'; readonly why: 'filtered' | 'looped' | 'expired' }
  | { readonly kind: 'refused'; readonly error: QueueError }
  | { readonly kind: 'failed'; readonly error: QueueError }
  | { readonly kind: 'held' };

export interface RelayResult<Item extends RelayItem = RelayItem> {
  readonly item: Item;
  readonly outcome: RelayOutcome;
}

/** Where a relay takes messages from, and who is told what became of them: a receiver, a table, dead letters. */
export interface RelaySource<Item extends RelayItem = RelayItem> {
  /** For errors and logs, such as `subscription "orders" of backend "main"`. */
  readonly name: string;
  /**
   * Up to `max` items, oldest first. Waits a little for the first one and answers [] when there is none, at once when
   * `signal` aborts; undefined when there will never be more. Never hands out an item that `done` was not yet told of.
   */
  take(max: number, signal: AbortSignal): Promise<readonly Item[] | undefined>;
  /**
   * One result per item of the last `take`, in its order. What failed or was held comes again with a later `take`, in
   * its old place. When this rejects the relay goes on, and takes what the source then offers: moved items may repeat.
   */
  done(results: readonly RelayResult<Item>[]): Promise<void>;
}
