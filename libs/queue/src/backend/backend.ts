import type { Delivery } from '../message/delivery.js';
import type { FailureRecord } from '../message/failure-record.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import type { Store } from '../store/store.js';
import type { Ambient } from '../ambient/ambient.js';
import type { Pressure } from './bounds.js';
import type { Capabilities } from './capabilities.js';
import type { InspectQuery, Inspected } from './inspect.js';
import type { Drift, SubscriptionSpec, Topology } from './topology.js';

/** SEAM 1: moves messages. Small on purpose; retries, idempotency and the rest are composed above it. */
export interface Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * `create` adds what is missing and reports what is there beyond the declaration; `check` changes nothing and
   * reports every difference. Safe to run from many processes at once.
   */
  ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]>;
  /**
   * One result per message, in order. Never rejects for a single message's sake; rejects as a whole only when the
   * backend is closed. `tx` is refused unless capabilities.tx allows it.
   */
  publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]>;
  /**
   * Stores one message before it returns. Only where storing never waits, which is inside the process: there it
   * saves the promise, the batch and the turn that `publish` needs. Same results, same meaning.
   */
  readonly publishNow?: ((message: Outgoing) => PublishResult) | undefined;
  /**
   * As `publish`, with each result as soon as it is known, in any order: where the broker confirms messages one by one,
   * so that no call has to wait for another. What a later call brings is written after what an earlier one brought.
   * Answers for every message, in its own time at the latest. Never throws.
   */
  readonly publishEach?: ((batch: readonly Outgoing[], answers: PublishAnswers) => void) | undefined;
  /** Several receivers of one subscription compete. Throws when the subscription, or the order asked for, was never ensured. */
  open(subscription: SubscriptionSpec): Promise<Receiver>;
  inspect(query: InspectQuery): AsyncIterable<Inspected>;
  status(): BackendStatus;
  /**
   * Calls `listener` after each change of `state`, with the status as it is then. `listener` never throws. Absent where
   * nothing but `close` changes it.
   */
  onStatus?(listener: StatusListener): void;
  /** Frees everything. Leases still held run out by themselves. Idempotent. */
  close(deadline: Date): Promise<void>;
}

export interface PublishCall {
  /**
   * The caller's own transaction, where capabilities.tx is `enlist`: stored with its commit, gone with its roll-back. What
   * it has to be is the backend's to say; anything else is refused.
   */
  readonly tx?: unknown;
  /** Gives up waiting: messages not yet confirmed end as `unknown` or `refused`. */
  readonly signal?: AbortSignal;
}

/** Whoever waits for the results of a call. */
export interface PublishAnswers {
  /** Of the message in this place of the batch. May be called before `publishEach` returns. */
  answered(at: number, result: PublishResult): void;
}

/** Three outcomes, never two: what is neither stored nor refused may or may not have been stored. */
export type PublishResult =
  | {
      readonly status: 'stored';
      /** Subscriptions that got a copy; undefined where the broker does not say how many, except that somebody did. */
      readonly copies: number | undefined;
      /** It was stored before, within its window, and not again. */
      readonly duplicate?: true;
      /** Its topic keeps it for subscriptions that come later, beyond the copies of those that are there. */
      readonly retained?: true;
      /** What the bounds of subscriptions did to it, where one was met. */
      readonly pressure?: Pressure;
    }
  | { readonly status: 'refused'; readonly error: QueueError }
  | { readonly status: 'unknown'; readonly error: QueueError };

/** Pull: demand is the number of free slots, so back-pressure exists once. */
export interface Receiver {
  /**
   * Up to `max` deliveries, in the order they became ready. Waits a little for the first one; [] when idle, and at
   * once when `signal` aborts or the receiver is closed. Counts the delivery before it returns it.
   */
  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]>;
  /**
   * One result per act, in order. A backend may hold settlements back and join them with the next `receive` of the
   * same tick into one round trip.
   */
  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]>;
  /** It is another process's turn: nothing comes here for now, whatever is ready. Absent: never. */
  readonly isStandingBy?: boolean;
  /** Stops intake. Deliveries already handed out stay settleable until Backend.close. Idempotent. */
  close(): Promise<void>;
}

export type Settlement =
  | { readonly kind: 'ack'; readonly delivery: Delivery }
  /** Give back, not counted: shutdown, pause, busy key. Without `delayMs` it is ready at once, in its old place. */
  | { readonly kind: 'release'; readonly delivery: Delivery; readonly delayMs?: number }
  | {
      readonly kind: 'retry';
      readonly delivery: Delivery;
      readonly delayMs: number;
      readonly failure: FailureRecord;
    }
  | { readonly kind: 'dead'; readonly delivery: Delivery; readonly failure: FailureRecord }
  /** The lease ends `leaseMs` from now. */
  | { readonly kind: 'extend'; readonly delivery: Delivery; readonly leaseMs: number };

/**
 * `ok`: done. `noop`: this delivery was settled before. `lost`: its lease ran out or somebody else has it; nothing
 * was changed. An error: it is not known whether it was done; the lease decides.
 */
export type SettleResult = 'ok' | 'noop' | 'lost' | QueueError;

export interface BackendStatus {
  readonly state: 'up' | 'degraded' | 'down';
  /** Wall clock, ms since the epoch, of the last change of `state`. */
  readonly since: number;
  /** What went wrong last; redacted. */
  readonly lastError: string | undefined;
  /** Wall clock of the last call that worked. */
  readonly lastProgressAt: number | undefined;
}

export type StatusListener = (status: BackendStatus) => void;

/** A kind of backend that `driver` in the module's options can name, or be. */
export interface BackendFactory<Options extends object = object> {
  /** Such as `sqlite`. */
  readonly kind: string;
  /** A class with class-validator rules and defaults; the module checks the given options against it. */
  readonly optionsClass: new () => Options;
  open(name: string, options: Options, ambient: Ambient): Promise<OpenedBackend>;
  /** What `open` would offer, told without touching anything. Absent where the broker must be asked first. */
  foresee?(options: Options): ForeseenBackend;
  /** What these options cost and nobody would notice otherwise, a sentence each that goes on after the backend's name. */
  notices?(options: Options): readonly string[];
}

export interface ForeseenBackend {
  readonly capabilities: Capabilities;
  /** Whether a store comes with it. */
  readonly remembers: boolean;
}

export interface OpenedBackend {
  readonly backend: Backend;
  /** Present where the broker can also remember. */
  readonly store?: Store;
}
