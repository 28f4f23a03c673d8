import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { PatternMethods } from './pattern.handler.js';
import { subscriptionOfRoute, topicsOfRoute } from './pattern.topic.js';
import { policiesOfPattern, type PatternPolicies, type StrategyOptions } from './strategy.options.js';

/** What Nest registered for one pattern. */
export type RegisteredPattern = PatternMethods & {
  readonly isEventHandler?: boolean;
  readonly extras?: Readonly<Record<string, unknown>>;
};

/** A subscription for one pattern. */
export interface PatternClaim {
  /** Names it in logs, errors and failure records. */
  readonly handler: string;
  readonly route: string;
  readonly callback: PatternMethods;
  readonly subscription: string;
  readonly topics: readonly string[];
  readonly backend: string;
  readonly policies: ConsumePolicies;
  readonly accept: readonly [];
}

/** One claim for each pattern. Throws QueueErrors that name the pattern. */
export function claimsOf(
  patterns: ReadonlyMap<string, RegisteredPattern>,
  { group, policies, wire }: StrategyOptions,
  backend: string,
): readonly PatternClaim[] {
  return [...patterns].map(([route, callback]) => {
    const handler = `${callback.isEventHandler ? 'event' : 'message'} pattern ${route}`;
    const own = callback.extras?.['queue'] as PatternPolicies | undefined;
    return {
      handler,
      route,
      callback,
      subscription: subscriptionOfRoute(group, route),
      topics: [topicsOfRoute(route)],
      backend,
      policies: policiesOfPattern(handler, { ...policies, ...own }, wire),
      accept: [],
    };
  });
}
