import type { Capabilities } from '../../backend/capabilities.js';
import { MAX_RETENTION_MS } from '../../backend/retention.js';
import { MAX_DEDUP_WINDOW_MS } from '../../message/dedup.js';
import { PRIORITY_LEVELS } from '../../message/priority.js';
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
    order: 'key',
    onRetry: 'block-key',
    onDead: 'hold',
    fanout: 'named',
    wildcards: true,
    ephemeral: true,
    lane: true,
    dead: 'native-reason',
    dedup: Object.freeze({ windowMs: MAX_DEDUP_WINDOW_MS }),
    cancel: true,
    log: Object.freeze({ maxAgeMs: MAX_RETENTION_MS }),
    bounds: true,
    priority: PRIORITY_LEVELS,
    ttl: 'message',
    tx: 'enlist',
    batch: Object.freeze({ publish: 1_000, receive: 1_000, settle: 1_000 }),
    maxBytes,
    depth: 'exact',
    browse: 'all',
    hosts: 'many',
  });
}
