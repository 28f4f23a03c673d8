import type { PublishResult } from '../backend/backend.js';
import type { Overflowed } from '../backend/bounds.js';
import type { Duration } from '../policies/duration.js';

export interface PublishOptions {
  /** The event's id; default: a new UUID v7. Publishing again with the same id is how an unknown outcome is retried. */
  readonly id?: string;
  /** Ordering key and default `aggregate_id`. */
  readonly key?: string;
  /** Default: the topic. */
  readonly type?: string;
  readonly aggregateId?: string;
  /** Default: the id. */
  readonly idempotencyKey?: string;
  /** Default: that of the message being handled, else the id. */
  readonly correlationId?: string;
  /** Default: the id of the message being handled. */
  readonly causationId?: string;
  /** Default: that of the message being handled. */
  readonly tenant?: string;
  /** Default: that of the message being handled. */
  readonly traceparent?: string;
  /** Default `1`. */
  readonly schemaVersion?: string;
  /** When it happened; default: now. */
  readonly timestamp?: Date;
  /**
   * Further attributes of the event, as CloudEvents calls them: names of lower-case letters and digits; texts, integers
   * of 32 bits or booleans. Those of a received event are not passed on by themselves.
   */
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Not before this long from now, or not before this date; a date in the past means now. */
  readonly delay?: Duration | Date;
  /** Never handed to a handler later than this. */
  readonly ttl?: Duration;
  /** 0 (default) to 9: a subscription hands out the higher ones first, however many of them there are. */
  readonly priority?: number;
  /**
   * A message with the same id is stored once within this window, which begins when it is first stored; `false` where
   * the topic has a window and this message shall not. Default: the topic's window, else none. At most 30 days.
   */
  readonly dedup?: Duration | false;
  /** What makes two publishes the same within the window; default: the id. */
  readonly dedupId?: string;
  /** `stored` (default): resolves when the backend has it. `handled`: when every subscription has handled it; in-process backends only. */
  readonly wait?: 'stored' | 'handled';
  /**
   * Your own transaction: the message is stored with its commit and gone with its roll-back. On sqlite the DatabaseSync
   * connection that it is open on; with an outbox an executor over it. Everything else refuses it.
   */
  readonly tx?: unknown;
}

export type RawPublishOptions = Pick<
  PublishOptions,
  'id' | 'key' | 'headers' | 'delay' | 'ttl' | 'priority' | 'dedup' | 'dedupId' | 'tx'
>;

/** What a resolved publish knows. */
export interface Receipt {
  readonly id: string;
  /** Subscriptions that got a copy; undefined where the broker does not say how many. */
  readonly copies: number | undefined;
  /** Set when it was stored before, within its window, so that nothing was stored now. */
  readonly duplicate?: true;
  /** Subscriptions that were full and did not get it; set when there are any. */
  readonly dropped?: readonly string[];
  /** Subscriptions that were full and lost an older message to it; set when there are any. */
  readonly displaced?: readonly string[];
  /** Subscriptions that were full, and the topic whose subscriptions got it instead; set when there are any. */
  readonly overflowed?: readonly Overflowed[];
}

/** `result` as the publisher sees it. */
export function receiptOf(id: string, result: StoredResult): Receipt {
  const { copies, duplicate, pressure } = result;
  if (duplicate === undefined && pressure === undefined) return { id, copies };
  const { dropped = [], displaced = [], overflowed = [] } = pressure ?? {};
  return {
    id,
    copies,
    ...(duplicate && { duplicate }),
    ...(dropped.length > 0 && { dropped }),
    ...(displaced.length > 0 && { displaced }),
    ...(overflowed.length > 0 && { overflowed }),
  };
}

export type StoredResult = Extract<PublishResult, { status: 'stored' }>;
