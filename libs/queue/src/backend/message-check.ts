import { byteLength } from '../message/body.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import { InvalidPriorityError, isPriority } from '../message/priority.js';
import type { PublishCall } from './backend.js';
import { PayloadTooLargeError, UnsupportedError } from './backend.errors.js';
import type { CapabilityOwner, Delay } from './capabilities.js';

/**
 * For backends, before they send anything: why a message cannot be stored as it asks to be, going by the capabilities
 * alone; undefined: it can.
 */
export function objectionTo(
  message: Outgoing,
  call: PublishCall | undefined,
  { name, capabilities }: CapabilityOwner,
): QueueError | undefined {
  const { maxBytes } = capabilities;
  const bytes = byteLength(message.body);
  if (bytes > maxBytes) return new PayloadTooLargeError(name, bytes, maxBytes);
  const { priority } = message;
  if (priority !== undefined && !isPriority(priority)) return new InvalidPriorityError(priority);
  const unmet = UNMET.find(({ asks, has }) => asks(message, call) && !has(message, { name, capabilities }));
  return unmet && new UnsupportedError(name, unmet.what(message), unmet.remedy);
}

interface Ask {
  readonly asks: (message: Outgoing, call: PublishCall | undefined) => boolean;
  readonly has: (message: Outgoing, owner: CapabilityOwner) => boolean;
  readonly what: (message: Outgoing) => string;
  readonly remedy: string;
}

const UNMET: readonly Ask[] = [
  {
    asks: (_message, call) => call?.tx !== undefined,
    has: (_message, { capabilities }) => capabilities.tx === 'enlist',
    what: () => 'join a transaction',
    remedy: 'publish after the commit, or use an outbox',
  },
  {
    asks: ({ delayMs }) => delayMs !== undefined && delayMs !== 0,
    has: ({ delayMs = 0 }, { capabilities }) => isWithin(delayMs, capabilities.delay.publish),
    what: ({ delayMs }) => `delay a message by ${delayMs} ms`,
    remedy: 'use a shorter delay, or a backend with longer ones',
  },
  {
    asks: ({ ttlMs }) => ttlMs !== undefined,
    has: (_message, { capabilities }) => capabilities.ttl === 'message',
    what: () => 'let a message expire',
    remedy: 'publish without a ttl, or use a backend with a time to live per message',
  },
  {
    asks: ({ priority = 0 }) => priority > 0,
    has: (_message, { capabilities }) => capabilities.priority > 1,
    what: () => 'prefer a message',
    remedy: 'publish without a priority, or use a backend with priorities',
  },
  {
    asks: ({ dedup, to }) => dedup !== undefined && to === undefined,
    has: ({ dedup }, { capabilities }) =>
      capabilities.dedup !== false && (dedup?.windowMs ?? 0) <= capabilities.dedup.windowMs,
    what: () => 'recognise a repeated publish within that window',
    remedy: 'use a backend with deduplication, or make the handler idempotent',
  },
  {
    asks: ({ to }) => to !== undefined,
    has: (_message, { capabilities }) => capabilities.lane,
    what: () => 'send to one subscription only',
    remedy: 'publish to a topic',
  },
];

function isWithin(delayMs: number, delay: Delay): boolean {
  return delay !== false && delayMs >= 0 && delayMs <= delay.maxMs;
}
