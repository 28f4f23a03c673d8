import type { Capabilities } from '../../backend/capabilities.js';
import type { ResolvedPostgresOptions } from './postgres.options.js';

/** Half a day: a handler that needs longer should be several messages. */
export const MAX_LEASE_MS = 12 * 3_600_000;
/** Ten years: beyond it a delay is a mistake in its unit. */
export const MAX_DELAY_MS = 3_650 * 86_400_000;

/** How late a delay is at most, beside load: a waiting receiver knows when the next message is due. */
const RESOLUTION_MS = 50;

/** `pooler: 'transaction'` hears nothing: what others publish with a delay is found by the next poll. */
export function postgresCapabilities({ maxBytes, pooler, pollMs }: ResolvedPostgresOptions): Capabilities {
  const resolutionMs = pooler === 'none' ? RESOLUTION_MS : pollMs;
  const delay = Object.freeze({ kind: 'exact', maxMs: MAX_DELAY_MS, resolutionMs } as const);
  return Object.freeze({
    durable: 'disk',
    confirm: 'routed',
    ack: 'message',
    lease: Object.freeze({ extend: true, maxMs: MAX_LEASE_MS }),
    attempts: 'counted-on-crash',
    uncountedRelease: true,
    delay: Object.freeze({ publish: delay, retry: delay }),
    order: 'none',
    onRetry: 'breaks',
    onDead: 'skip',
    fanout: 'named',
    wildcards: true,
    ephemeral: false,
    lane: true,
    dead: 'native-reason',
    dedup: false,
    cancel: false,
    log: false,
    bounds: false,
    priority: 1,
    ttl: 'message',
    tx: 'none',
    batch: Object.freeze({ publish: 1_000, receive: 1_000, settle: 1_000 }),
    maxBytes,
    depth: 'exact',
    browse: true,
    hosts: 'many',
  });
}
