import { takesEverything } from '../policies/message-filter.js';
import { compile, isRefused, type Plan } from '../policies/plan.js';
import { requirementsOf, type Untaken } from '../policies/requirements.js';
import type { Offer } from '../policies/resolution.js';
import { PlanRefusedError } from './nest.errors.js';
import type { HandlerClaim, SharedClaim } from './subscription.explorer.js';

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

/** Of a claim what the plan is made of. */
type PlannedClaim = Pick<
  HandlerClaim,
  'handler' | 'subscription' | 'topics' | 'backend' | 'policies' | 'accept'
> &
  Partial<Pick<HandlerClaim, 'shared'>>;

/** A subscription and where it listens. */
type Listener = Pick<HandlerClaim, 'subscription' | 'topics' | 'backend'>;

/** The plans of these claims; `others` are subscriptions without a handler here. */
export function plansOf(
  claims: readonly PlannedClaim[],
  others: readonly Listener[],
  offerOn: (backend: string) => Offer,
): readonly HandlerPlan[] {
  const all = [...claims, ...others];
  return claims.map((claim) => planOf(claim, rivalsOf(claim, all), offerOn(claim.backend)));
}

/** Other subscriptions that listen to one of its topics. */
function rivalsOf({ subscription, topics, backend }: Listener, all: readonly Listener[]): readonly string[] {
  const rivals = all.filter((other) => {
    const isOther = other.backend === backend && other.subscription !== subscription;
    return isOther && other.topics.some((topic) => topics.includes(topic));
  });
  return [...new Set(rivals.map((rival) => rival.subscription))];
}

function planOf(
  { handler, subscription, topics, backend, policies, accept, shared }: PlannedClaim,
  rivals: readonly string[],
  { capabilities, ...beside }: Offer,
): HandlerPlan {
  const entries = compile(
    requirementsOf(policies, { topics, untaken: untakenOf(shared), rivals }),
    capabilities,
    {
      ...beside,
      accept,
    },
  );
  return { handler, subscription, topics, backend, entries };
}

function untakenOf(shared: SharedClaim | undefined): Untaken | undefined {
  return shared?.parts.some(({ when }) => takesEverything(when)) === true ? 'rest' : shared?.otherwise;
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
