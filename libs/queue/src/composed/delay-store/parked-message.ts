import { withHeaders, withoutHeader } from '../../message/headers.js';
import type { Dedup } from '../../message/dedup.js';
import type { Outgoing } from '../../message/outgoing.js';
import { withMessage } from '../../relay/with-message.js';

/** What the message is to be when it is due, as JSON. */
const PARKED_HEADER = 'pp-delayed';

interface Parked {
  readonly topic: string;
  readonly to?: string | undefined;
  /** Wall clock, ms since the epoch. */
  readonly expiresAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly dedup?: Dedup | undefined;
}

/** The message as it waits in `lane`, a private subscription of the backend that delays. */
export function park(message: Outgoing, lane: string, nowMs: number): Outgoing {
  const { topic, to, ttlMs, priority, dedup } = message;
  const expiresAt = ttlMs === undefined ? undefined : nowMs + ttlMs;
  const parked: Parked = { topic, to, expiresAt, priority, dedup };
  return withMessage(message, {
    topic: lane,
    to: lane,
    ttlMs: undefined,
    priority: undefined,
    dedup: undefined,
    headers: withHeaders(message.headers, { [PARKED_HEADER]: JSON.stringify(parked) }),
  });
}

/** The message as it was to be published, without its delay; undefined when it has expired meanwhile. */
export function unpark(message: Outgoing, nowMs: number): Outgoing | undefined {
  const { topic, to, expiresAt, priority, dedup } = JSON.parse(
    message.headers[PARKED_HEADER] as string,
  ) as Parked;
  if (expiresAt !== undefined && expiresAt <= nowMs) return undefined;
  const ttlMs = expiresAt === undefined ? undefined : expiresAt - nowMs;
  return withMessage(message, {
    topic,
    to,
    ttlMs,
    priority,
    dedup,
    headers: withoutHeader(message.headers, PARKED_HEADER),
  });
}
