import { compile, isRefused, type Plan } from '../policies/plan.js';
import { requirementsOf } from '../policies/requirements.js';
import type { Offer } from '../policies/resolution.js';
import { PlanRefusedError } from './nest.errors.js';
import type { HandlerClaim } from './subscription.explorer.js';

/** What one handler, or one declared topic, asks for, and how its backend meets it. Plain data: it survives JSON. */
export interface HandlerPlan {
  /** `Class.method`; of a topic its place in the options, such as `topology.topics[0]`. */
  readonly handler: string;
  /** undefined of a topic. */
  readonly subscription: string | undefined;
  readonly topics: readonly string[];
  readonly backend: string;
  readonly entries: Plan;
}

export function planOf(
  { handler, subscription, topics, backend, policies, accept }: HandlerClaim,
  { capabilities, remembers }: Offer,
): HandlerPlan {
  const entries = compile(requirementsOf(policies, { topics }), capabilities, { remembers, accept });
  return { handler, subscription, topics, backend, entries };
}

/** One sentence for each refused entry. */
export function refusalsIn({ handler, backend, entries }: HandlerPlan): readonly string[] {
  return entries.filter(isRefused).map(({ need, asked, why, remedy, anomaly }) => {
    const orAccept = anomaly === undefined ? '' : `, or say accept: ['${anomaly}'] in @Consume`;
    return `${handler} asks for ${need} (${asked}), but backend "${backend}" ${why}: ${remedy}${orAccept}`;
  });
}

/** Throws PlanRefusedError with every refusal of every handler, after `others`. */
export function refuseUnmet(plans: readonly HandlerPlan[], others: readonly string[]): void {
  const refusals = [...others, ...plans.flatMap(refusalsIn)];
  if (refusals.length > 0) throw new PlanRefusedError(refusals);
}
