import type { Capabilities, CapabilityName } from '../backend/capabilities.js';
import type { LawReport } from './run-laws.js';

/** Which fields of a capability record claim anything: a test per field, true when it does. */
const CLAIMS: { readonly [Name in CapabilityName]: (value: Capabilities[Name]) => boolean } = {
  durable: (value) => value !== 'process',
  confirm: (value) => value !== 'none',
  ack: (value) => value !== 'none',
  lease: (value) => value !== false,
  attempts: (value) => value !== 'none',
  uncountedRelease: (value) => value,
  delay: (value) => value.publish !== false || value.retry !== false,
  order: (value) => value !== 'none',
  onRetry: (value) => value !== 'breaks',
  onDead: (value) => value !== 'skip',
  fanout: (value) => value !== 'none',
  wildcards: (value) => value,
  ephemeral: (value) => value,
  lane: (value) => value,
  dead: (value) => value !== 'none',
  dedup: (value) => value !== false,
  cancel: (value) => value,
  log: (value) => value !== false,
  bounds: (value) => value,
  priority: (value) => value > 1,
  ttl: (value) => value !== 'none',
  tx: (value) => value !== 'none',
  batch: (value) => Math.max(value.publish, value.receive, value.settle) > 1,
  maxBytes: () => true,
  depth: (value) => value !== 'none',
  browse: (value) => value !== 'none',
  hosts: (value) => value !== 'process',
};

/** Capabilities that a backend claims and no law has shown. */
export function unprovenClaims(
  capabilities: Capabilities,
  reports: readonly LawReport[],
): readonly CapabilityName[] {
  const proven = new Set(
    reports.filter(({ verdict }) => verdict === 'passed').flatMap(({ proves }) => proves),
  );
  return (Object.keys(CLAIMS) as CapabilityName[]).filter(
    (name) => isClaimed(capabilities, name) && !proven.has(name),
  );
}

function isClaimed<Name extends CapabilityName>(capabilities: Capabilities, name: Name): boolean {
  return CLAIMS[name](capabilities[name]);
}
