import type { KeyOrder } from '../backend/key-order.js';
import { type Bounds, checkBounds } from '../backend/bounds.js';
import { type FirstMessage, FIRST_MESSAGES } from '../backend/retention.js';
import { quote } from '../message/names.js';
import type { IdempotencyPolicy } from './idempotency.policy.js';
import { type BatchPolicy, MOST_SLOTS } from './batch.policy.js';
import { InvalidPolicyError } from './invalid-policy.error.js';
import type { CircuitPolicy, RatePolicy, SinglePolicy } from './limits.policy.js';
import { oneOf } from './one-of.js';
import { checkLocality, type Locality } from './resolve-locality.js';
import type { Upcasting } from './upcasting.js';
import { DEFAULT_RETRY, NO_RETRY, type RetryPolicy } from './retry.policy.js';

/** Whether a message is repeated when it is not known to be handled, or lost. */
export type DeliveryMode = (typeof DELIVERY_MODES)[number];

const DELIVERY_MODES = ['at-least-once', 'at-most-once'] as const;

/** Everything a subscription was told, resolved: nothing below asks for a default again. */
export interface ConsumePolicies {
  /** `at-most-once` acknowledges a message before its handler runs, and never retries it. */
  readonly delivery: DeliveryMode;
  /** Whom the messages must reach; undefined: nobody asked. */
  readonly locality: Locality | undefined;
  /** Handlers running at once. */
  readonly concurrency: number;
  /** Deliveries held ready beyond the running ones; `auto` grows with the speed of the handlers. */
  readonly prefetch: number | 'auto';
  readonly leaseMs: number;
  /** A lease is renewed no longer than this; then the message goes to somebody else. */
  readonly maxLeaseMs: number;
  /** After this the handler's signal aborts; undefined: no limit but maxLeaseMs. */
  readonly timeoutMs: number | undefined;
  /** Whether `timeoutMs` or `maxLeaseMs` was given: a backend that holds a message for less than the default is fine. */
  readonly isRunLimited: boolean;
  /** How long a handler may go on after its signal aborted before its message is settled without it. */
  readonly abortGraceMs: number;
  readonly retry: RetryPolicy;
  /** A message whose handling killed this many processes is dead. */
  readonly maxCrashes: number;
  /** Dead letters are removed when they are older than this; undefined: never. */
  readonly deadRetentionMs: number | undefined;
  /** Gathers messages for a handler that takes many at once; undefined: one by one. */
  readonly batch: BatchPolicy | undefined;
  readonly idempotency: IdempotencyPolicy | undefined;
  /** Undefined: as fast as the handlers are. */
  readonly rate: RatePolicy | undefined;
  readonly circuit: CircuitPolicy | undefined;
  /** Undefined: messages of one key are handled like any others. */
  readonly order: KeyOrder | undefined;
  /** Undefined: all processes that have the handler share the work. */
  readonly single: SinglePolicy | undefined;
  /** Of the subscription; undefined: what is declared elsewhere, else none. */
  readonly bounds: Bounds | undefined;
  /** Where the subscription begins, if it is new; undefined: `latest`, unless it is declared elsewhere. */
  readonly start: FirstMessage | undefined;
  /** Hand over bytes as they came, envelope or not. */
  readonly raw: boolean;
  /** Brings older events to the version that the handler knows; undefined: there is none to bring. */
  readonly upcasting: Upcasting | undefined;
  /** Checks, and may replace, the payload. Throwing makes it a dead letter at once. */
  readonly validate: ((data: unknown) => unknown) | undefined;
}

export const DEFAULT_POLICIES: ConsumePolicies = Object.freeze({
  delivery: 'at-least-once',
  locality: undefined,
  concurrency: 10,
  prefetch: 'auto',
  leaseMs: 30_000,
  maxLeaseMs: 3_600_000,
  timeoutMs: undefined,
  isRunLimited: false,
  abortGraceMs: 5_000,
  retry: DEFAULT_RETRY,
  maxCrashes: 3,
  deadRetentionMs: undefined,
  batch: undefined,
  idempotency: undefined,
  rate: undefined,
  circuit: undefined,
  order: undefined,
  single: undefined,
  bounds: undefined,
  start: undefined,
  raw: false,
  upcasting: undefined,
  validate: undefined,
});

/** `given` over the defaults, checked and frozen. `where` names the handler in the error. */
export function resolvePolicies(where: string, given: Partial<ConsumePolicies>): ConsumePolicies {
  const isRunLimited = given.timeoutMs !== undefined || given.maxLeaseMs !== undefined;
  const policies: ConsumePolicies = { ...defaultsFor(given), ...given, isRunLimited };
  const whole = (name: string, value: number, low: number, high: number): void => {
    checkWhole(`${where}: ${name}`, value, { low, high });
  };
  oneOf(`${where}: delivery`, policies.delivery, DELIVERY_MODES);
  if (policies.locality !== undefined) checkLocality(`${where}: locality`, policies.locality);
  checkConcurrency(where, policies.concurrency);
  if (policies.prefetch !== 'auto') whole('prefetch', policies.prefetch, 0, 10_000);
  whole('leaseMs', policies.leaseMs, 100, 43_200_000);
  whole('maxLeaseMs', policies.maxLeaseMs, policies.leaseMs, 7 * 86_400_000);
  if (policies.timeoutMs !== undefined) whole('timeoutMs', policies.timeoutMs, 1, policies.maxLeaseMs);
  whole('abortGraceMs', policies.abortGraceMs, 0, 600_000);
  whole('retry.attempts', policies.retry.attempts, 1, 1_000);
  whole('deadLetter.maxCrashes', policies.maxCrashes, 1, 1_000);
  if (policies.deadRetentionMs !== undefined) {
    whole('deadLetter.keep', policies.deadRetentionMs, 1_000, 3_650 * 86_400_000);
  }
  if (policies.idempotency !== undefined) {
    whole('idempotent.ttlMs', policies.idempotency.ttlMs, 1, 3_650 * 86_400_000);
    whole('idempotent.busyDelayMs', policies.idempotency.busyDelayMs, 0, 3_600_000);
    checkKeepsResult(where, policies.idempotency);
  }
  if (policies.delivery === 'at-most-once') checkAtMostOnce(where, policies);
  checkLimits(policies, whole);
  if (policies.batch !== undefined) checkBatch(where, policies.batch, policies);
  if (policies.bounds !== undefined) checkBounds(where, policies.bounds);
  if (policies.start !== undefined) oneOf(`${where}: start`, policies.start, FIRST_MESSAGES);
  return Object.freeze(policies);
}

type CheckWhole = (name: string, value: number, low: number, high: number) => void;

function checkLimits({ rate, circuit, single }: ConsumePolicies, whole: CheckWhole): void {
  if (rate !== undefined) {
    whole('rate.max', rate.max, 1, 100_000);
    whole('rate.per', rate.perMs, 1, 7 * 86_400_000);
  }
  if (circuit !== undefined) {
    whole('circuit.failures', circuit.failures, 1, 100_000);
    whole('circuit.open', circuit.openMs, 1, 7 * 86_400_000);
  }
  if (single !== undefined) whole('single.lease', single.leaseMs, 300, 3_600_000);
}

function defaultsFor({ delivery, batch }: Partial<ConsumePolicies>): ConsumePolicies {
  const defaults = batch === undefined ? DEFAULT_POLICIES : { ...DEFAULT_POLICIES, concurrency: 1 };
  return delivery === 'at-most-once' ? { ...defaults, retry: NO_RETRY } : defaults;
}

function checkBatch(
  where: string,
  { size, withinMs, bytes, by }: BatchPolicy,
  { concurrency, order }: ConsumePolicies,
): void {
  checkWhole(`${where}: batch.size`, size, { low: 1, high: Math.floor(MOST_SLOTS / concurrency) });
  checkWhole(`${where}: batch.within`, withinMs, { low: 0, high: 3_600_000 });
  if (bytes !== undefined) checkWhole(`${where}: batch.bytes`, bytes, { low: 1, high: 2 ** 40 });
  if (by !== undefined) oneOf(`${where}: batch.by`, by, ['key']);
  if (by !== undefined && order !== undefined) {
    throw new InvalidPolicyError(
      `${where}: \`order\` hands out one message of a key at a time, so that a batch of one key has one message: take away \`batch.by\` or \`order\``,
    );
  }
}

function checkKeepsResult(where: string, { keepsResult }: { readonly keepsResult: unknown }): void {
  if (typeof keepsResult === 'boolean') return;
  throw new InvalidPolicyError(
    `${where}: idempotent.result is ${quote(keepsResult)}, it must be true or false`,
  );
}

/** What stands for a second try contradicts it. */
function checkAtMostOnce(where: string, { retry, idempotency, order }: ConsumePolicies): void {
  if (order !== undefined) {
    throw new InvalidPolicyError(
      `${where}: at-most-once lets the next message of a key go on before the handler has run: take away \`order\` or \`delivery\``,
    );
  }
  if (retry.attempts > 1) {
    throw new InvalidPolicyError(
      `${where}: at-most-once allows one attempt, not ${retry.attempts}: take away @Retry or \`delivery\``,
    );
  }
  if (idempotency !== undefined) {
    throw new InvalidPolicyError(
      `${where}: at-most-once never repeats a message: take away @Idempotent or \`delivery\``,
    );
  }
}

export function checkConcurrency(where: string, concurrency: number): number {
  return checkWhole(`${where}: concurrency`, concurrency, { low: 1, high: 10_000 });
}

function checkWhole(what: string, value: number, range: { low: number; high: number }): number {
  if (Number.isInteger(value) && value >= range.low && value <= range.high) return value;
  const shown = typeof value === 'number' ? value : quote(value);
  throw new InvalidPolicyError(
    `${what} is ${shown}, it must be a whole number from ${range.low} to ${range.high}`,
  );
}
