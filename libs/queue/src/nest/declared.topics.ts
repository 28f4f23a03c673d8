import type { Retention, TopicTopology } from '../backend/retention.js';
import { compile } from '../policies/plan.js';
import { parseDuration } from '../policies/duration.js';
import { declaring } from '../policies/requirements.js';
import type { Offer } from '../policies/resolution.js';
import { requirementsOfTopic, type TopicPolicies } from '../policies/topic.policies.js';
import { primaryOf } from './primary.backend.js';
import type { HandlerPlan } from './handler.plan.js';
import type { DeclaredTopic, QueueModuleOptions, RetainOptions } from './queue.options.js';

/** Of the topics that are declared on this backend: their windows of deduplication in ms, by name. */
export function dedupWindows(options: QueueModuleOptions, backend: string): ReadonlyMap<string, number> {
  const windows = new Map<string, number>();
  for (const topic of topicsOn(options, backend)) {
    const { dedupMs } = policiesOfTopic(topic);
    if (dedupMs !== undefined) windows.set(topic.name, dedupMs);
  }
  return windows;
}

/** Topics on this backend that are to be kept in a special way. */
export function topicTopologies(options: QueueModuleOptions, backend: string): readonly TopicTopology[] {
  return topicsOn(options, backend)
    .filter(({ retain }) => retain !== undefined)
    .map(({ name, retain }) => ({ name, retain: retain ? retentionOf(retain) : false }));
}

/**
 * What each declared topic asks for, and how its backend meets it; left out are topics that ask for nothing, and those on
 * backends without an offer.
 */
export function topicPlans(
  options: QueueModuleOptions,
  offers: ReadonlyMap<string, Offer>,
): readonly HandlerPlan[] {
  const primary = primaryOf(options.backends);
  const plans = (options.topology?.topics ?? []).flatMap((topic, at): readonly HandlerPlan[] => {
    const { name, backend = primary } = topic;
    const offer = offers.get(backend);
    if (offer === undefined) return [];
    const { capabilities, ...beside } = offer;
    const entries = compile(requirementsOfTopic(policiesOfTopic(topic)), capabilities, {
      ...beside,
      accept: [],
    });
    return [{ handler: `topology.topics[${at}]`, subscription: undefined, topics: [name], backend, entries }];
  });
  return plans.filter(({ entries }) => entries.length > 0);
}

/** The declared subscriptions, by name and place. */
export function declaredListeners(options: QueueModuleOptions): readonly {
  readonly subscription: string;
  readonly topics: readonly string[];
  readonly backend: string;
}[] {
  const primary = primaryOf(options.backends);
  return (options.topology?.subscriptions ?? []).map(({ name, topics, backend = primary }) => {
    return { subscription: name, topics, backend };
  });
}

/** The same for declared subscriptions. */
export function subscriptionPlans(
  options: QueueModuleOptions,
  offers: ReadonlyMap<string, Offer>,
): readonly HandlerPlan[] {
  const primary = primaryOf(options.backends);
  const plans = (options.topology?.subscriptions ?? []).flatMap((declared, at): readonly HandlerPlan[] => {
    const { name, topics, backend = primary, bounds, start } = declared;
    const offer = offers.get(backend);
    if (offer === undefined) return [];
    const { capabilities, ...beside } = offer;
    const entries = compile(declaring({ bounds: bounds || undefined, start }), capabilities, {
      ...beside,
      accept: [],
    });
    return [{ handler: `topology.subscriptions[${at}]`, subscription: name, topics, backend, entries }];
  });
  return plans.filter(({ entries }) => entries.length > 0);
}

function topicsOn(options: QueueModuleOptions, wanted: string): readonly DeclaredTopic[] {
  const primary = primaryOf(options.backends);
  return (options.topology?.topics ?? []).filter(({ backend = primary }) => backend === wanted);
}

function policiesOfTopic({ dedup, retain }: DeclaredTopic): TopicPolicies {
  return {
    dedupMs: dedup === undefined ? undefined : parseDuration('dedup', dedup),
    retain: retain ? retentionOf(retain) : undefined,
  };
}

function retentionOf({ for: time, max }: RetainOptions): Retention {
  return { forMs: parseDuration('retain.for', time), maxMessages: max };
}
