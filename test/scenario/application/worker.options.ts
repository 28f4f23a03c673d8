import type { Duration } from '@pigeonpost/queue';
import type { Fate } from './probe.js';

/** Handlers that run at once, and deliveries held ready beyond them. */
export const CONCURRENCY = 3;
export const PREFETCH = 2;

export interface WorkerOptions {
  readonly file: string;
  readonly testimony: string;
  readonly fate?: Fate;
  /** How far the clock is ahead: a later process comes when the leases of a dead one are over. */
  readonly aheadMs: number;
  /** How long a handler needs. */
  readonly handlerMs: number;
  /** How long handlers may go on after a SIGTERM. */
  readonly drain: Duration;
}
