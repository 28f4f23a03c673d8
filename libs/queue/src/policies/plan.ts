import type { Capabilities } from '../backend/capabilities.js';
import { ANOMALIES, type Anomaly } from './anomalies.js';
import type { Need, Requirement } from './requirements.js';
import {
  resolveDeadLetters,
  resolveDelivery,
  resolveFanOut,
  resolvePublish,
  resolveRelease,
  resolveWildcards,
} from './resolve-delivery.js';
import { resolveCircuit, resolveRate, resolveSingle } from './resolve-limits.js';
import { resolveLease, resolveTimeout } from './resolve-lease.js';
import { resolveLocality } from './resolve-locality.js';
import { resolveAttempts, resolveCrashes, resolveRetry } from './resolve-retry.js';
import { resolveDedup } from './resolve-topic.js';
import { resolveConcurrency, resolveIdempotency } from './resolve-work.js';
import type { Offer, Refusal, Resolution } from './resolution.js';
import { formatDuration } from './duration.js';

/** One requirement and how it is met. Plain data: it survives JSON. */
export type PlanEntry = Resolution & {
  readonly need: Need;
  /** What was asked for, in words. */
  readonly asked: string;
};

/** One entry per requirement, in their order. */
export type Plan = readonly PlanEntry[];

export interface PlanHelpers {
  /** Whether a store comes with the backend. */
  readonly remembers: boolean;
  /** Anomalies that the handler can live with; those that do not occur change nothing. */
  readonly accept: readonly Anomaly[];
}

/** Holds each requirement against what the backend can do. Pure: it decides nothing by a backend's name. */
export function compile(
  requirements: readonly Requirement[],
  capabilities: Capabilities,
  { remembers, accept }: PlanHelpers,
): Plan {
  const offer = { capabilities, remembers };
  return requirements.map((requirement) => ({
    need: requirement.need,
    asked: ask(requirement),
    ...accepted(resolve(requirement, offer), accept),
  }));
}

export function isRefused(entry: PlanEntry): entry is PlanEntry & Refusal {
  return entry.answer === 'refused';
}

function accepted(resolution: Resolution, accept: readonly Anomaly[]): Resolution {
  if (resolution.answer !== 'refused') return resolution;
  const { anomaly } = resolution;
  if (anomaly === undefined || !accept.includes(anomaly)) return resolution;
  return { answer: 'accepted', anomaly, leaves: ANOMALIES[anomaly] };
}

function resolve(requirement: Requirement, offer: Offer): Resolution {
  switch (requirement.need) {
    case 'publish':
      return resolvePublish(offer);
    case 'delivery':
      return resolveDelivery(requirement, offer);
    case 'locality':
      return resolveLocality(requirement, offer);
    case 'fan-out':
      return resolveFanOut(offer);
    case 'wildcards':
      return resolveWildcards(offer);
    case 'retry':
      return resolveRetry(requirement, offer);
    case 'attempts':
      return resolveAttempts(offer);
    case 'crashes':
      return resolveCrashes(offer);
    case 'dead letters':
      return resolveDeadLetters(offer);
    case 'lease':
      return resolveLease(requirement, offer);
    case 'timeout':
      return resolveTimeout(requirement);
    case 'release':
      return resolveRelease(offer);
    case 'idempotency':
      return resolveIdempotency(requirement, offer);
    case 'rate':
      return resolveRate();
    case 'circuit':
      return resolveCircuit(requirement);
    case 'single consumer':
      return resolveSingle(requirement, offer);
    case 'concurrency':
      return resolveConcurrency(requirement, offer);
    case 'dedup':
      return resolveDedup(requirement, offer);
  }
}

const MODES = {
  'at-least-once': 'at least once',
  'at-most-once': 'at most once',
  'effectively-once': 'at least once, with one effect',
};

const REACHES = {
  process: 'messages stay in this process',
  host: 'messages reach the processes of this host',
  'many-hosts': 'messages reach many hosts',
};

function ask(requirement: Requirement): string {
  switch (requirement.need) {
    case 'publish':
      return 'a published message is stored';
    case 'delivery':
      return MODES[requirement.mode];
    case 'locality':
      return REACHES[requirement.locality];
    case 'fan-out':
      return 'a copy of every message';
    case 'wildcards':
      return `topics like ${requirement.patterns.join(', ')}`;
    case 'retry':
      return `${requirement.attempts - 1} retries, waits up to ${formatDuration(requirement.longestMs)}`;
    case 'attempts':
      return `${requirement.attempts} attempts, counted`;
    case 'crashes':
      return `${requirement.maxCrashes} crashes, counted`;
    case 'dead letters':
      return 'dead letters with their reasons';
    case 'lease':
      return `${formatDuration(requirement.leaseMs)}, renewed up to ${formatDuration(requirement.maxLeaseMs)}`;
    case 'timeout':
      return `after ${formatDuration(requirement.timeoutMs)}`;
    case 'release':
      return 'given back uncounted at a shutdown';
    case 'idempotency':
      return `handled once within ${formatDuration(requirement.ttlMs)}`;
    case 'rate':
      return `${requirement.max} starts in ${formatDuration(requirement.perMs)} at most`;
    case 'circuit':
      return `a pause of ${formatDuration(requirement.openMs)} after ${requirement.failures} failures in a row`;
    case 'single consumer':
      return 'one process at a time';
    case 'concurrency':
      return `${requirement.concurrency} at once, prefetch ${requirement.prefetch}`;
    case 'dedup':
      return `each id stored once within ${formatDuration(requirement.windowMs)}`;
  }
}
