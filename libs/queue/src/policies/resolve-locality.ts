import type { Capabilities } from '../backend/capabilities.js';
import { oneOf } from './one-of.js';
import type { Requirement } from './requirements.js';
import { native, refused, type Offer, type Resolution } from './resolution.js';

/**
 * Whom the messages of a backend must reach: this process alone, any process of this host, or any host. From `host` on
 * they also outlive the process that published them.
 */
export type Locality = (typeof LOCALITIES)[number];

/** From the nearest to the farthest. */
export const LOCALITIES = ['process', 'host', 'many-hosts'] as const;
const REACH: Readonly<Record<Capabilities['hosts'], Locality>> = {
  process: 'process',
  host: 'host',
  many: 'many-hosts',
};

/** Messages are shared as far as was asked. */
export function resolveLocality(
  { locality }: Pick<Extract<Requirement, { need: 'locality' }>, 'locality'>,
  { capabilities: { hosts } }: Offer,
): Resolution {
  const reach = REACH[hosts];
  if (LOCALITIES.indexOf(reach) >= LOCALITIES.indexOf(locality)) return native();
  return refused(
    `shares its messages within one ${reach}`,
    `use a backend that reaches further, or ask for locality: '${reach}'`,
    'out-of-reach',
  );
}

/** Whether messages that reach as far as this also have to outlive the process that published them. */
export function outlives(locality: Locality): boolean {
  return locality !== 'process';
}

/** Messages outlive the process that published them. */
export function resolveDurability({ capabilities: { durable } }: Offer): Resolution {
  if (durable !== 'process') return native();
  return refused(
    'loses its messages with its process',
    "use a durable backend, or ask for locality: 'process'",
    'loss-with-process',
  );
}

/** Throws InvalidPolicyError. */
export function checkLocality(where: string, given: unknown): Locality {
  return oneOf(where, given, LOCALITIES);
}
