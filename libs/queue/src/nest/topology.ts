import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '@nestjs/common';
import type { Capabilities } from '../backend/capabilities.js';
import type { KeyOrder } from '../backend/key-order.js';
import type { Drift, SubscriptionTopology, Topology } from '../backend/topology.js';
import { orderOf as bridgeOrderOf, subscriptionOf } from './bridge.options.js';
import type { Connections } from './connections.js';
import { InvalidOptionsError, TopologyDriftError } from './nest.errors.js';
import type { QueueModuleOptions } from './queue.options.js';
import type { HandlerClaim } from './subscription.explorer.js';

/** What each backend must have: the subscriptions of all handlers, consumed here or not, of all bridges, and the declared ones. */
export function topologies(
  options: QueueModuleOptions,
  claims: readonly HandlerClaim[],
  primary: string,
): ReadonlyMap<string, Topology> {
  const declared = options.topology?.subscriptions ?? [];
  const { bridges = [] } = options;
  const wanted = [
    ...claims.map(({ subscription: name, topics, backend, policies: { order, bounds } }) => ({
      name,
      topics,
      backend,
      order,
      bounds,
    })),
    ...declared.map(({ name, topics, backend = primary, bounds }) => ({ name, topics, backend, bounds })),
    ...bridges.map((config) => ({
      name: subscriptionOf(config),
      ...config.from,
      order: bridgeOrderOf(config),
      bounds: undefined,
    })),
  ];
  const names = [...new Set(wanted.map(({ backend }) => backend))];
  return new Map(
    names.map((name) => [name, { subscriptions: merged(wanted.filter(({ backend }) => backend === name)) }]),
  );
}

/** A subscription that is declared twice listens to the topics of both; an order that one of them asks for it has. */
function merged(list: Topology['subscriptions']): Topology['subscriptions'] {
  const byName = new Map<string, SubscriptionTopology>();
  for (const { name, topics, bounds } of list) {
    const before = byName.get(name);
    const all = [...new Set([...(before?.topics ?? []), ...topics])];
    const agreedBounds = agreed(name, before?.bounds, bounds);
    byName.set(name, { name, topics: all, order: orderOf(list, name), bounds: agreedBounds });
  }
  return [...byName.values()];
}

function orderOf(list: Topology['subscriptions'], wanted: string): KeyOrder | undefined {
  return list.find(({ name, order }) => name === wanted && order !== undefined)?.order;
}

/** Whoever declares none leaves it to the others. */
function agreed(
  subscription: string,
  one: SubscriptionTopology['bounds'],
  other: SubscriptionTopology['bounds'],
): SubscriptionTopology['bounds'] {
  if (one === undefined || other === undefined) return one ?? other;
  if (isDeepStrictEqual(one, other)) return one;
  throw new InvalidOptionsError(
    `the subscription "${subscription}" is declared with two different bounds: declare them in one place`,
  );
}

/** Creates what is missing, or refuses to start without it. */
export async function ensureTopologies(
  wanted: ReadonlyMap<string, Topology>,
  mode: 'create' | 'check',
  { connections, logger }: { readonly connections: Connections; readonly logger: Logger },
): Promise<void> {
  for (const [name, topology] of wanted) {
    const { backend } = connections.get(name);
    const drifts = await backend.ensure(fitting(topology, backend.capabilities), mode);
    if (drifts.length === 0) continue;
    const differences = `backend "${name}" differs from what is declared: ${drifts.map(say).join('; ')}`;
    if (mode === 'check' && drifts.some(({ kind }) => kind !== 'extra-topic')) {
      throw new TopologyDriftError(`${differences}. Create it, or start with ensure: 'create'`);
    }
    logger.warn(differences);
  }
}

/** Without orders where the backend has none: their handlers have accepted that, or the plan would have stopped here. */
function fitting(topology: Topology, { order }: Capabilities): Topology {
  if (order === 'key') return topology;
  return { subscriptions: topology.subscriptions.map((declared) => ({ ...declared, order: undefined })) };
}

function say({ kind, subscription, topic }: Drift): string {
  switch (kind) {
    case 'missing-subscription':
      return `subscription "${subscription}" is missing`;
    case 'missing-topic':
      return `subscription "${subscription}" does not listen to "${topic}"`;
    case 'missing-order':
      return `subscription "${subscription}" has no order by key`;
    case 'extra-topic':
      return `subscription "${subscription}" also listens to "${topic}"`;
    case 'other-bounds':
      return `subscription "${subscription}" has other bounds`;
  }
}
