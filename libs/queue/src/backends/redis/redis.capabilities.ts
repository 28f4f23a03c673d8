import type { Capabilities } from '../../backend/capabilities.js';
import { MAX_RETENTION_MS } from '../../backend/retention.js';
import { MAX_DEDUP_WINDOW_MS } from '../../message/dedup.js';
import { PRIORITY_LEVELS } from '../../message/priority.js';
import type { ResolvedRedisOptions } from './redis.options.js';

/** Half a day: a handler that needs longer should be several messages. */
export const MAX_LEASE_MS = 12 * 3_600_000;
/** Ten years: beyond it a delay is a mistake in its unit. */
export const MAX_DELAY_MS = 3_650 * 86_400_000;

const DELAY = Object.freeze({ kind: 'exact', maxMs: MAX_DELAY_MS, resolutionMs: 50 } as const);

export function redisCapabilities({ maxBytes, allowVolatile }: ResolvedRedisOptions): Capabilities {
  return Object.freeze({
    durable: allowVolatile ? 'broker-memory' : 'disk-soon',
    confirm: 'routed',
    ack: 'message',
    lease: Object.freeze({ extend: true, maxMs: MAX_LEASE_MS }),
    attempts: 'counted-on-crash',
    uncountedRelease: true,
    delay: Object.freeze({ publish: DELAY, retry: DELAY }),
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
    tx: 'none',
    batch: Object.freeze({ publish: 1_000, receive: 1_000, settle: 1_000 }),
    maxBytes,
    depth: 'exact',
    browse: 'all',
    hosts: 'many',
  });
}
