import type { Logger } from '@nestjs/common';
import type { Drift, Topology } from '../backend/topology.js';
import type { Connections } from './connections.js';
import { TopologyDriftError } from './nest.errors.js';
import type { QueueModuleOptions } from './queue.options.js';
import type { HandlerClaim } from './subscription.explorer.js';

/** What each backend must have: the subscriptions of all handlers, consumed here or not, and the declared ones. */
export function topologies(
  options: QueueModuleOptions,
  claims: readonly HandlerClaim[],
  primary: string,
): ReadonlyMap<string, Topology> {
  const declared = options.topology?.subscriptions ?? [];
  const wanted = [
    ...claims.map(({ subscription, topics, backend }) => ({ name: subscription, topics, backend })),
    ...declared.map(({ name, topics, backend = primary }) => ({ name, topics, backend })),
  ];
  const names = [...new Set(wanted.map(({ backend }) => backend))];
  return new Map(
    names.map((name) => [name, { subscriptions: merged(wanted.filter(({ backend }) => backend === name)) }]),
  );
}

/** A subscription that is declared twice listens to the topics of both. */
function merged(list: Topology['subscriptions']): Topology['subscriptions'] {
  const topics = new Map<string, Set<string>>();
  for (const { name, topics: added } of list) {
    topics.set(name, new Set([...(topics.get(name) ?? []), ...added]));
  }
  return [...topics].map(([name, all]) => ({ name, topics: [...all] }));
}

/** Creates what is missing, or refuses to start without it. */
export async function ensureTopologies(
  wanted: ReadonlyMap<string, Topology>,
  mode: 'create' | 'check',
  { connections, logger }: { readonly connections: Connections; readonly logger: Logger },
): Promise<void> {
  for (const [name, topology] of wanted) {
    const drifts = await connections.get(name).backend.ensure(topology, mode);
    if (drifts.length === 0) continue;
    const differences = `backend "${name}" differs from what is declared: ${drifts.map(say).join('; ')}`;
    if (mode === 'check' && drifts.some(({ kind }) => kind !== 'extra-topic')) {
      throw new TopologyDriftError(`${differences}. Create it, or start with ensure: 'create'`);
    }
    logger.warn(differences);
  }
}

function say({ kind, subscription, topic }: Drift): string {
  switch (kind) {
    case 'missing-subscription':
      return `subscription "${subscription}" is missing`;
    case 'missing-topic':
      return `subscription "${subscription}" does not listen to "${topic}"`;
    case 'extra-topic':
      return `subscription "${subscription}" also listens to "${topic}"`;
  }
}
