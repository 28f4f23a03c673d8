import type { Capabilities, Delay } from '../../backend/capabilities.js';
import { MAX_RETENTION_MS } from '../../backend/retention.js';
import { MAX_DEDUP_WINDOW_MS } from '../../message/dedup.js';
import { PRIORITY_LEVELS } from '../../message/priority.js';

const EXACT: Delay = Object.freeze({ kind: 'exact', maxMs: Number.MAX_SAFE_INTEGER, resolutionMs: 1 });

export const memoryCapabilities = Object.freeze({
  durable: 'process',
  confirm: 'routed',
  ack: 'message',
  lease: Object.freeze({ extend: true, maxMs: 12 * 3_600_000 }),
  attempts: 'counted-on-crash',
  uncountedRelease: true,
  delay: Object.freeze({ publish: EXACT, retry: EXACT }),
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
  batch: Object.freeze({ publish: 10_000, receive: 10_000, settle: 10_000 }),
  maxBytes: 16 * 1024 * 1024,
  depth: 'exact',
  browse: 'all',
  hosts: 'process',
} as const satisfies Capabilities);

/** Longest lease that can be asked for, in ms. */
export const MAX_LEASE_MS = memoryCapabilities.lease.maxMs;
