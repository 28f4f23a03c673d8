import type { KeyOrder } from '../../backend/key-order.js';
import type { SubscriptionTopology } from '../../backend/topology.js';
import { exponential } from '../../policies/backoff.js';
import { type ConsumePolicies, resolvePolicies } from '../../policies/consume.policies.js';
import { DEFAULT_IDEMPOTENCY } from '../../policies/idempotency.policy.js';
import { DEFAULT_RETRY } from '../../policies/retry.policy.js';

export const TOPIC = 'simulation.topic';
/** Everybody gets a copy of everything. `once` is idempotent, `line` has an order by key. */
export const SUBSCRIPTION_NAMES = ['work', 'audit', 'once', 'line'] as const;
export const IDEMPOTENT = 'once';
export const ORDERED = 'line';

export const ATTEMPTS = 3;
export const MAX_CRASHES = 3;
export const LEASE_MS = 800;

/** A dead letter that held its key would keep the simulation from coming to rest. */
const BY_KEY: KeyOrder = { by: 'key', onRetry: 'block-key', onDead: 'skip' };
const COMMON = {
  concurrency: 2,
  leaseMs: LEASE_MS,
  maxLeaseMs: 3 * LEASE_MS,
  timeoutMs: 1_500,
  abortGraceMs: 200,
  maxCrashes: MAX_CRASHES,
  retry: { ...DEFAULT_RETRY, attempts: ATTEMPTS, backoff: exponential(50, { cap: 400 }) },
};

/** Short leases and short waits, so that a few virtual seconds see all of them end. */
const POLICIES: Readonly<Record<string, ConsumePolicies>> = Object.freeze({
  work: resolvePolicies('Simulation.work', COMMON),
  audit: resolvePolicies('Simulation.audit', { ...COMMON, prefetch: 3 }),
  [IDEMPOTENT]: resolvePolicies('Simulation.once', {
    ...COMMON,
    idempotency: { ...DEFAULT_IDEMPOTENCY, busyDelayMs: 100 },
  }),
  [ORDERED]: resolvePolicies('Simulation.line', { ...COMMON, order: BY_KEY }),
});

/** Throws RangeError for a subscription that the simulation does not have. */
export function policiesOf(subscription: string): ConsumePolicies {
  const policies = POLICIES[subscription];
  if (policies === undefined) throw new RangeError(`the simulation has no subscription "${subscription}"`);
  return policies;
}

/** What the broker is told of them. */
export function simulatedTopology(): readonly SubscriptionTopology[] {
  return SUBSCRIPTION_NAMES.map((name) => ({ name, topics: [TOPIC], order: policiesOf(name).order }));
}
