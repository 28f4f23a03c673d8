import type { Body } from '../message/body.js';
import type { FailureRecord } from '../message/failure-record.js';
import type { Headers } from '../message/headers.js';

/** Where a message of a subscription can be. */
export type MessageState = 'ready' | 'delayed' | 'inflight' | 'dead';

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
      readonly state: 'ready' | 'delayed' | 'dead';
      readonly ref?: string;
    }
  /** Removes for ever the dead letters given up before this moment, ms since the epoch, and yields one Purged. */
  | { readonly kind: 'expire'; readonly subscription: string; readonly before: number };

export type Inspected = Depth | Peeked | Purged;

export interface Depth {
  readonly kind: 'depth';
  readonly subscription: string;
  readonly ready: number;
  readonly delayed: number;
  readonly inflight: number;
  readonly dead: number;
  /** Age in ms of the oldest ready message; undefined when none is ready. */
  readonly oldestReadyMs: number | undefined;
}

/** A message as it lies on the broker. */
export interface Peeked {
  readonly kind: 'message';
  /** Names this copy on this broker; opaque. */
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
}

export interface Purged {
  readonly kind: 'purged';
  readonly count: number;
}
