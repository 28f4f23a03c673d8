import type { Body } from '../message/body.js';
import type { FailureRecord } from '../message/failure-record.js';
import type { Headers } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';

/** Where a message of a subscription can be. `held`: it waits behind another one of its key, see KeyOrder. */
export type MessageState = 'ready' | 'delayed' | 'held' | 'inflight' | 'dead';

export type InspectQuery =
  /** One Depth per subscription, or for the one named. */
  | { readonly kind: 'depth'; readonly subscription?: string }
  /**
   * Looks without taking: changes nothing. Oldest first, by publication; `after` is the `ref` of the last one seen, which
   * may be gone by now.
   */
  | {
      readonly kind: 'browse';
      readonly subscription: string;
      readonly state: MessageState;
      readonly limit: number;
      readonly after?: string;
      /** Only messages with this id. */
      readonly id?: string;
    }
  /** Removes for ever, and yields one Purged with the count. `ref` names one message, as browse gave it. */
  | {
      readonly kind: 'purge';
      readonly subscription: string;
      readonly state: 'ready' | 'delayed' | 'held' | 'dead';
      readonly ref?: string;
    }
  /**
   * Removes for ever the dead letters given up before this moment, ms since the epoch, and yields one Purged. Those that
   * hold their key stay.
   */
  | { readonly kind: 'expire'; readonly subscription: string; readonly before: number }
  /**
   * Puts one dead letter that holds its key back into its old place, before those that wait for it, in one step: with
   * a new count of attempts, no failures, and these headers. Yields one Revived. Only where capabilities.onDead is
   * `hold`.
   */
  | {
      readonly kind: 'revive';
      readonly subscription: string;
      /** As browse gave it. */
      readonly ref: string;
      readonly headers: Headers;
      /** All of it as it will be, for who has to vouch for it anew. Backends go by `ref` and `headers`. */
      readonly message?: Outgoing;
    }

  /**
   * Takes back, from all subscriptions and from what topics retain, the copies of one message that was published with a
   * delay and is not yet due; yields one Purged with the count of copies. Windows of deduplication forget its id.
   */
  | { readonly kind: 'cancel'; readonly id: string };

export type Inspected = Depth | Peeked | Purged | Revived;

export interface Depth {
  readonly kind: 'depth';
  readonly subscription: string;
  readonly ready: number;
  readonly delayed: number;
  /** Behind another message of their key; always 0 without an order. */
  readonly held: number;
  readonly inflight: number;
  readonly dead: number;
  /** Age in ms of the oldest ready message; undefined when none is ready. */
  readonly oldestReadyMs: number | undefined;
  /** Messages that its bounds have cost it so far: dropped, displaced or sent elsewhere. Absent without bounds. */
  readonly dropped?: number;
  /** Where there is too much to be counted each time somebody looks: counts above 10,000 are what the broker estimates. */
  readonly approximate?: true;
}

/** A message as it lies on the broker. */
export interface Peeked {
  readonly kind: 'message';
  /** Names this copy where it lies now; opaque. */
  readonly ref: string;
  readonly state: MessageState;
  readonly id: string;
  readonly topic: string;
  readonly subscription: string;
  readonly key: string | undefined;
  /** Absent where the backend has no priorities. */
  readonly priority?: number;
  readonly body: Body;
  readonly headers: Headers;
  readonly publishedAt: number;
  /** Handler runs so far, crashes included. */
  readonly attempts: number;
  readonly crashes: number;
  /** Oldest first. Of a dead letter, the last one says why it died. */
  readonly failures: readonly FailureRecord[];
  /** Set on dead letters. */
  readonly deadAt: number | undefined;
  /** Whether it is a dead letter that keeps its key waiting. */
  readonly holdsKey?: boolean;
}

export interface Purged {
  readonly kind: 'purged';
  readonly count: number;
}

export interface Revived {
  readonly kind: 'revived';
  /** 1; 0 when there is no such dead letter, or when it holds no key. */
  readonly count: number;
}
