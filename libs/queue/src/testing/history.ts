import type { PublishResult, Settlement, SettleResult } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

/** What happened at the seam, in the order it happened. Times are monotonic ms. */
export type HistoryEvent =
  | {
      readonly kind: 'published';
      readonly message: Outgoing;
      readonly to: readonly string[];
      readonly result: PublishResult;
    }
  | { readonly kind: 'delivered'; readonly delivery: Delivery; readonly at: number }
  | { readonly kind: 'settled'; readonly act: Settlement; readonly result: SettleResult; readonly at: number }
  /** An ephemeral subscription is gone, with everything in it. */
  | { readonly kind: 'removed'; readonly subscription: string }
  /** Messages that were still to be handled were removed. */
  | { readonly kind: 'purged'; readonly subscription: string; readonly count: number }
  /** A dead letter is alive again, as it was when it was new; `count` 0: there was none. */
  | {
      readonly kind: 'revived';
      readonly subscription: string;
      readonly ref: string;
      /** As far as it was browsed. */
      readonly id: string | undefined;
      readonly count: number;
    }
  /** A subscription began to listen, and may get what was published to these topics before. */
  | { readonly kind: 'caught-up'; readonly subscription: string; readonly topics: readonly string[] }
  /** Copies of this message that were not yet due were taken back. */
  | { readonly kind: 'cancelled'; readonly id: string }
  /** A fault was injected that may store this message `extra` times more. */
  | { readonly kind: 'fault'; readonly id: string; readonly extra: number };

export type History = readonly HistoryEvent[];
