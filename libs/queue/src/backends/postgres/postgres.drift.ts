import { sameBounds } from '../../backend/bounds.js';
import { sameRetention } from '../../backend/retention.js';
import type { Drift, SubscriptionTopology, Topology } from '../../backend/topology.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

/** Every difference between what is declared and what is there. */
export function driftBetween(declared: Topology, found: PostgresTopology): readonly Drift[] {
  const topics = (declared.topics ?? []).filter(
    ({ name, retain }) =>
      retain !== undefined && !sameRetention(retain || undefined, found.retentions.get(name)),
  );
  return [
    ...topics.map(({ name }): Drift => ({ kind: 'other-retention', subscription: undefined, topic: name })),
    ...declared.subscriptions.flatMap((each) => driftOf(each, found.byName.get(each.name))),
  ];
}

function driftOf(declared: SubscriptionTopology, known: KnownSubscription | undefined): readonly Drift[] {
  const { name: subscription, topics, order, bounds } = declared;
  if (known === undefined) return [{ kind: 'missing-subscription', subscription, topic: undefined }];
  const wanted = new Set(topics);
  const about = (kind: Drift['kind'], topic?: string): Drift => ({ kind, subscription, topic });
  const hasOtherBounds =
    bounds !== undefined && !sameBounds(bounds === false ? undefined : bounds, known.bounds);
  return [
    ...(order !== undefined && !known.ordered ? [about('missing-order')] : []),
    ...[...wanted].filter((topic) => !known.topics.has(topic)).map((topic) => about('missing-topic', topic)),
    ...[...known.topics].filter((topic) => !wanted.has(topic)).map((topic) => about('extra-topic', topic)),
    ...(hasOtherBounds ? [about('other-bounds')] : []),
  ];
}
