import type { Capabilities } from '../backend/capabilities.js';
import { ANOMALIES, type Anomaly } from './anomalies.js';
import { askedBy } from './asked.js';
import type { Need, Requirement } from './requirements.js';
import {
  resolveDeadLetters,
  resolveDelivery,
  resolveFanOut,
  resolvePublish,
  resolveRelease,
  resolveRetention,
  resolveWildcards,
} from './resolve-delivery.js';
import { resolveCircuit, resolveRate, resolveSingle } from './resolve-limits.js';
import { resolveLease, resolveTimeout } from './resolve-lease.js';
import { resolveDurability, resolveLocality } from './resolve-locality.js';
import { resolveOrder, resolveOrderOnDeath, resolveOrderOnRetry } from './resolve-order.js';
import { resolveAttempts, resolveCrashes, resolveRetry } from './resolve-retry.js';
import { resolveBounds } from './resolve-bounds.js';
import { resolveDedup, resolveEarliest, resolveLog } from './resolve-topic.js';
import { resolveBatch, resolveConcurrency, resolveIdempotency, resolveRouting } from './resolve-work.js';
import type { Offer, Refusal, Resolution } from './resolution.js';

/** One requirement and how it is met. Plain data: it survives JSON. */
export type PlanEntry = Resolution & {
  readonly need: Need;
  /** What was asked for, in words. */
  readonly asked: string;
};

/** One entry per requirement, in their order. */
export type Plan = readonly PlanEntry[];

export interface PlanHelpers extends Omit<Offer, 'capabilities'> {
  /** Anomalies that the handler can live with; those that do not occur change nothing. */
  readonly accept: readonly Anomaly[];
}

/** Holds each requirement against what the backend can do. Pure: it decides nothing by a backend's name. */
export function compile(
  requirements: readonly Requirement[],
  capabilities: Capabilities,
  { accept, ...beside }: PlanHelpers,
): Plan {
  const offer = { capabilities, ...beside };
  return requirements.map((requirement) => ({
    need: requirement.need,
    asked: askedBy(requirement),
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

type Resolvers = {
  readonly [N in Need]: (requirement: Extract<Requirement, { need: N }>, offer: Offer) => Resolution;
};

/** Who answers each need. A new one does not compile without its answer. */
const RESOLVERS: Resolvers = {
  publish: (_, offer) => resolvePublish(offer),
  delivery: resolveDelivery,
  locality: resolveLocality,
  durability: (_, offer) => resolveDurability(offer),
  'fan-out': resolveFanOut,
  wildcards: (_, offer) => resolveWildcards(offer),
  routing: resolveRouting,
  retry: resolveRetry,
  attempts: (_, offer) => resolveAttempts(offer),
  crashes: (_, offer) => resolveCrashes(offer),
  'dead letters': (_, offer) => resolveDeadLetters(offer),
  retention: resolveRetention,
  lease: resolveLease,
  timeout: resolveTimeout,
  release: (_, offer) => resolveRelease(offer),
  idempotency: resolveIdempotency,
  rate: resolveRate,
  circuit: resolveCircuit,
  'single consumer': resolveSingle,
  order: (_, offer) => resolveOrder(offer),
  'order on retry': resolveOrderOnRetry,
  'order on death': (_, offer) => resolveOrderOnDeath(offer),
  batch: resolveBatch,
  concurrency: resolveConcurrency,
  bounds: ({ bounds }, offer) => resolveBounds(bounds, offer),
  log: resolveLog,
  earliest: (_, offer) => resolveEarliest(offer),
  dedup: resolveDedup,
};

function resolve(requirement: Requirement, offer: Offer): Resolution {
  const resolver = RESOLVERS[requirement.need] as (requirement: Requirement, offer: Offer) => Resolution;
  return resolver(requirement, offer);
}
