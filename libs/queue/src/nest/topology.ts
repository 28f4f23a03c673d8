import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '@nestjs/common';
import type { Capabilities } from '../backend/capabilities.js';
import type { KeyOrder } from '../backend/key-order.js';
import type { TopicTopology } from '../backend/retention.js';
import type { Drift, SubscriptionTopology, Topology } from '../backend/topology.js';
import { orderOf as bridgeOrderOf, subscriptionOf } from './bridge.options.js';
import type { Connections } from './connections.js';
import { topicTopologies } from './declared.topics.js';
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
    ...claims.map(({ subscription: name, topics, backend, policies: { order, bounds, start } }) => {
      return { name, topics, backend, order, bounds, start };
    }),
    ...declared.map(({ name, topics, backend = primary, bounds, start }) => {
      return { name, topics, backend, bounds, start };
    }),
    ...bridges.map((config) => {
      const order = bridgeOrderOf(config);
      return { name: subscriptionOf(config), ...config.from, order, bounds: undefined, start: undefined };
    }),
  ];
  const topicsOf = (backend: string): TopicTopology[] => [...topicTopologies(options, backend)];
  const of = (name: string): Topology => ({
    topics: topicsOf(name),
    subscriptions: merged(wanted.filter(({ backend }) => backend === name)),
  });
  const names = options.backends.map(({ name }) => name);
  const used = names.filter(
    (name) => wanted.some(({ backend }) => backend === name) || topicsOf(name).length > 0,
  );
  return new Map(used.map((name) => [name, of(name)]));
}

/** A subscription that is declared twice listens to the topics of both; an order that one of them asks for it has. */
function merged(list: Topology['subscriptions']): Topology['subscriptions'] {
  const byName = new Map<string, SubscriptionTopology>();
  for (const { name, topics, bounds, start } of list) {
    const before = byName.get(name);
    const all = [...new Set([...(before?.topics ?? []), ...topics])];
    const both = {
      bounds: agreed(name, 'bounds', [before?.bounds, bounds]),
      start: agreed(name, 'starts', [before?.start, start]),
    };
    byName.set(name, { name, topics: all, order: orderOf(list, name), ...both });
  }
  return [...byName.values()];
}

function orderOf(list: Topology['subscriptions'], wanted: string): KeyOrder | undefined {
  return list.find(({ name, order }) => name === wanted && order !== undefined)?.order;
}

/** Whoever declares none leaves it to the others. */
function agreed<T>(subscription: string, what: string, [one, other]: readonly [T, T]): T {
  if (one === undefined || other === undefined) return one ?? other;
  if (isDeepStrictEqual(one, other)) return one;
  throw new InvalidOptionsError(
    `the subscription "${subscription}" is declared with two different ${what}: declare it in one place`,
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

function say({ kind, subscription, topic, detail = '' }: Drift): string {
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
    case 'other-properties':
      return `subscription "${subscription}" has other properties than it is given here (${detail})`;
    case 'other-retention':
      return `topic "${topic}" is retained in another way`;
  }
}
