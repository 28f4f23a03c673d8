import type { Logger } from '@nestjs/common';
import type { Capabilities } from '../backend/capabilities.js';
import type { KeyOrder } from '../backend/key-order.js';
import type { Drift, Topology } from '../backend/topology.js';
import { orderOf as bridgeOrderOf, subscriptionOf } from './bridge.options.js';
import type { Connections } from './connections.js';
import { TopologyDriftError } from './nest.errors.js';
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
    ...claims.map(({ subscription, topics, backend, policies }) => ({
      name: subscription,
      topics,
      backend,
      order: policies.order,
    })),
    ...declared.map(({ name, topics, backend = primary }) => ({ name, topics, backend })),
    ...bridges.map((config) => ({
      name: subscriptionOf(config),
      ...config.from,
      order: bridgeOrderOf(config),
    })),
  ];
  const names = [...new Set(wanted.map(({ backend }) => backend))];
  return new Map(
    names.map((name) => [name, { subscriptions: merged(wanted.filter(({ backend }) => backend === name)) }]),
  );
}

/** A subscription that is declared twice listens to the topics of both; an order that one of them asks for it has. */
function merged(list: Topology['subscriptions']): Topology['subscriptions'] {
  const topics = new Map<string, Set<string>>();
  for (const { name, topics: added } of list) {
    topics.set(name, new Set([...(topics.get(name) ?? []), ...added]));
  }
  return [...topics].map(([name, all]) => ({ name, topics: [...all], order: orderOf(list, name) }));
}

function orderOf(list: Topology['subscriptions'], wanted: string): KeyOrder | undefined {
  return list.find(({ name, order }) => name === wanted && order !== undefined)?.order;
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
  }
}
