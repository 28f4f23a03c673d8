import type { Capabilities } from '../../backend/capabilities.js';
import { ForeignTopics } from './rabbitmq.foreign-topics.js';
import { LEVELS, UNIT_MS } from './rabbitmq.names.js';
import type { ResolvedRabbitmqOptions } from './rabbitmq.options.js';

/** What is left of the broker's patience when a message is given back by ourselves. */
const MARGIN_MS = 30_000;
/** The longest way that the levels have. */
const MAX_DELAY_MS = (2 ** LEVELS - 1) * UNIT_MS;

const DELAY = Object.freeze({ kind: 'exact', maxMs: MAX_DELAY_MS, resolutionMs: 1_000 } as const);

/** How long one consumer can hold a message, however often it renews its lease. */
export function longestHoldMs({ consumerTimeoutMs }: ResolvedRabbitmqOptions): number {
  return consumerTimeoutMs - MARGIN_MS;
}

export function rabbitmqCapabilities(options: ResolvedRabbitmqOptions): Capabilities {
  const isQuorum = options.queueType === 'quorum';
  const holdMs = longestHoldMs(options);
  const foreign = new ForeignTopics(options.exchanges);
  return Object.freeze({
    durable: isQuorum ? 'replicated' : 'disk',
    confirm: 'routed',
    ack: 'message',
    lease: Object.freeze({ extend: true, maxMs: holdMs, holdMs }),
    attempts: isQuorum ? 'counted-on-crash' : 'counted',
    uncountedRelease: true,
    delay: Object.freeze({ publish: DELAY, retry: DELAY }),
    order: 'none',
    onRetry: 'breaks',
    onDead: 'skip',
    fanout: 'named',
    wildcards: true,
    ephemeral: true,
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
    maxBytes: options.maxBytes,
    depth: 'approx',
    browse: 'dead',
    hosts: 'many',
    ...(!foreign.isEmpty && { foreign: foreign.toCapability() }),
  });
}
