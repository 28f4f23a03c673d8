import type { Body } from './body.js';
import type { Dedup } from './dedup.js';
import type { DomainEvent } from './event.js';
import type { Headers } from './headers.js';

/** A sealed message on its way to a backend. Immutable. */
export interface Outgoing {
  readonly topic: string;
  /** One subscription only, through its own lane: retry and replay never touch the shared topic. */
  readonly to: string | undefined;
  readonly id: string;
  readonly key: string | undefined;
  /** May be encoded when it is first read: whoever has `event` should not read it without need. */
  readonly body: Body;
  readonly headers: Headers;
  /** Not before this many ms from now. */
  readonly delayMs: number | undefined;
  /** Never after this many ms from now. */
  readonly ttlMs: number | undefined;
  /** 0 to 9; higher ones are handed out first. undefined is 0. A backend without priorities refuses all others. */
  readonly priority?: number | undefined;
  /** Store it once within a window; a backend without deduplication refuses it. Never applies to a lane (`to`). */
  readonly dedup?: Dedup | undefined;
  /** Somebody has changed it on purpose: what vouched for the old bytes does not for these. Not on the wire. */
  readonly edited?: boolean | undefined;
  /** See Delivery.event. */
  readonly event: DomainEvent | undefined;
}
