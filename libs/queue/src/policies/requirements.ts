import { isPattern } from '../message/topic-pattern.js';
import type { Bounds } from '../backend/bounds.js';
import type { FirstMessage } from '../backend/retention.js';
import { longestWaitsMs } from './backoff.js';
import type { ConsumePolicies, DeliveryMode } from './consume.policies.js';
import { type Locality, outlives } from './resolve-locality.js';

/** One thing that a handler needs to be able to rely on, with the numbers it was asked with. Times in ms. */
export type Requirement =
  | { readonly need: 'publish' }
  | { readonly need: 'delivery'; readonly mode: DeliveryMode | 'effectively-once' }
  | { readonly need: 'locality'; readonly locality: Locality }
  | { readonly need: 'durability' }
  | {
      readonly need: 'fan-out';
      /** Other subscriptions that listen to one of its topics, as far as they are known. */
      readonly rivals: readonly string[];
      /** Whole names and patterns that it listens to. */
      readonly topics: readonly string[];
    }
  | { readonly need: 'routing'; readonly untaken: Untaken }
  | { readonly need: 'wildcards'; readonly patterns: readonly string[] }
  | { readonly need: 'retry'; readonly attempts: number; readonly longestMs: number }
  | { readonly need: 'attempts'; readonly attempts: number }
  | { readonly need: 'crashes'; readonly maxCrashes: number }
  | { readonly need: 'dead letters' }
  | { readonly need: 'retention'; readonly keepMs: number }
  | {
      readonly need: 'lease';
      readonly leaseMs: number;
      readonly maxLeaseMs: number;
      /** How long a handler can be at work before its message is settled without it. */
      readonly longestRunMs: number;
      /** Whether somebody said so, or it is the default. */
      readonly isRunLimited: boolean;
    }
  | { readonly need: 'timeout'; readonly timeoutMs: number; readonly abortGraceMs: number }
  | { readonly need: 'release' }
  | {
      readonly need: 'idempotency';
      readonly ttlMs: number;
      readonly retrySpanMs: number;
      readonly raw: boolean;
    }
  | { readonly need: 'rate'; readonly max: number; readonly perMs: number }
  | { readonly need: 'circuit'; readonly failures: number; readonly openMs: number }
  | { readonly need: 'single consumer'; readonly leaseMs: number }
  | { readonly need: 'bounds'; readonly bounds: Bounds }
  | { readonly need: 'dedup'; readonly windowMs: number }
  | { readonly need: 'log'; readonly forMs: number; readonly maxMessages?: number | undefined }
  | { readonly need: 'earliest' }
  | { readonly need: 'order' }
  | { readonly need: 'order on retry'; readonly longestMs: number }
  | { readonly need: 'order on death' }
  | { readonly need: 'batch'; readonly size: number; readonly withinMs: number }
  | {
      readonly need: 'concurrency';
      readonly slots: number;
      readonly concurrency: number;
      readonly prefetch: number | 'auto';
    };

export type Need = Requirement['need'];

/** What a handler listens to. */
export interface Interest {
  readonly topics: readonly string[];
  /** Present where handlers share the subscription: what becomes of a message that none of them takes. */
  readonly untaken?: Untaken | undefined;
  /** See the fan-out requirement. */
  readonly rivals?: readonly string[];
}

/** `rest`: one of the handlers takes what is left. */
export type Untaken = 'ack' | 'dead' | 'rest';

const NO_TOPICS: Interest = { topics: [] };

/** What these policies rely on. One of each kind at most, always in the same order. */
export function requirementsOf(
  policies: ConsumePolicies,
  { topics, untaken, rivals = [] }: Interest = NO_TOPICS,
): readonly Requirement[] {
  return [
    { need: 'publish' },
    delivering(policies),
    ...reaching(policies),
    { need: 'fan-out', rivals, topics },
    ...matching(topics),
    ...(untaken === undefined ? [] : [{ need: 'routing', untaken } as const]),
    ...retrying(policies),
    { need: 'crashes', maxCrashes: policies.maxCrashes },
    { need: 'dead letters' },
    ...expiring(policies),
    ...leasing(policies),
    { need: 'release' },
    ...remembering(policies),
    ...limiting(policies),
    ...ordering(policies),
    ...declaring(policies),
    ...gathering(policies),
    {
      need: 'concurrency',
      concurrency: policies.concurrency,
      prefetch: policies.prefetch,
      slots: policies.concurrency * (policies.batch?.size ?? 1),
    },
  ];
}

function delivering({ delivery, idempotency }: ConsumePolicies): Requirement {
  return { need: 'delivery', mode: idempotency === undefined ? delivery : 'effectively-once' };
}

function matching(topics: readonly string[]): readonly Requirement[] {
  const patterns = topics.filter(isPattern);
  return patterns.length === 0 ? [] : [{ need: 'wildcards', patterns }];
}

function gathering({ batch }: ConsumePolicies): readonly Requirement[] {
  return batch === undefined ? [] : [{ need: 'batch', size: batch.size, withinMs: batch.withinMs }];
}

function reaching({ locality }: ConsumePolicies): readonly Requirement[] {
  if (locality === undefined) return [];
  const reach: Requirement = { need: 'locality', locality };
  return outlives(locality) ? [reach, { need: 'durability' }] : [reach];
}

/** Nothing is retried where the first attempt is the last one. */
function retrying({ retry }: ConsumePolicies): readonly Requirement[] {
  const { attempts } = retry;
  if (attempts === 1) return [];
  return [
    { need: 'retry', attempts, longestMs: longestWaitMs(retry) },
    { need: 'attempts', attempts },
  ];
}

/** Of a policy with more than one attempt. */
function longestWaitMs({ backoff, attempts }: ConsumePolicies['retry']): number {
  return Math.max(...longestWaitsMs(backoff, attempts - 1));
}

function expiring({ deadRetentionMs: keepMs }: ConsumePolicies): readonly Requirement[] {
  return keepMs === undefined ? [] : [{ need: 'retention', keepMs }];
}

function leasing(policies: ConsumePolicies): readonly Requirement[] {
  const { leaseMs, maxLeaseMs, timeoutMs, abortGraceMs, isRunLimited } = policies;
  const longestRunMs = longestHeldMs(policies);
  const lease: Requirement = { need: 'lease', leaseMs, maxLeaseMs, longestRunMs, isRunLimited };
  return timeoutMs === undefined ? [lease] : [lease, { need: 'timeout', timeoutMs, abortGraceMs }];
}

/** What a subscription asks for by its declaration, whoever consumes it. */
export function declaring({
  bounds,
  start,
}: {
  readonly bounds: Bounds | undefined;
  readonly start: FirstMessage | undefined;
}): readonly Requirement[] {
  return [
    ...(bounds === undefined ? [] : [{ need: 'bounds', bounds } as const]),
    ...(start === 'earliest' ? [{ need: 'earliest' } as const] : []),
  ];
}

function limiting({ rate, circuit, single }: ConsumePolicies): readonly Requirement[] {
  return [
    ...(rate === undefined ? [] : [{ need: 'rate', ...rate } as const]),
    ...(circuit === undefined ? [] : [{ need: 'circuit', ...circuit } as const]),
    ...(single === undefined ? [] : [{ need: 'single consumer', ...single } as const]),
  ];
}

function ordering({ order, retry }: ConsumePolicies): readonly Requirement[] {
  if (order === undefined) return [];
  const blocks = order.onRetry === 'block-key' && retry.attempts > 1;
  return [
    { need: 'order' },
    ...(blocks ? [{ need: 'order on retry', longestMs: longestWaitMs(retry) } as const] : []),
    ...(order.onDead === 'hold' ? [{ need: 'order on death' } as const] : []),
  ];
}

/** What was acknowledged before its handler is held by nobody. */
function longestHeldMs({ delivery, maxLeaseMs, timeoutMs, abortGraceMs }: ConsumePolicies): number {
  if (delivery === 'at-most-once') return 0;
  return timeoutMs === undefined ? maxLeaseMs : Math.min(maxLeaseMs, timeoutMs + abortGraceMs);
}

function remembering({ idempotency, retry, raw }: ConsumePolicies): readonly Requirement[] {
  if (idempotency === undefined) return [];
  const retrySpanMs = longestWaitsMs(retry.backoff, retry.attempts - 1).reduce((sum, ms) => sum + ms, 0);
  return [{ need: 'idempotency', ttlMs: idempotency.ttlMs, retrySpanMs, raw }];
}
