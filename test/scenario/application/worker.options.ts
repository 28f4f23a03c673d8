import type { Duration } from '@pigeonpost/queue';
import type { ScenarioBackend } from '../scenario-backend.js';
import type { Fate } from './probe.js';

/** Handlers that run at once, and deliveries held ready beyond them. */
export const CONCURRENCY = 3;
export const PREFETCH = 2;
/** A round trip can settle a full house and claim the next one. */
export const MOST_IN_FLIGHT = 2 * (CONCURRENCY + PREFETCH);

export interface WorkerOptions {
  readonly backend: ScenarioBackend;
  /** Path of the notebook that all workers of a test write. */
  readonly testimony: string;
  readonly fate?: Fate;
  /** How far the clock is ahead: a later process comes when the leases of a dead one are over. */
  readonly aheadMs: number;
  /** How long a handler needs. */
  readonly handlerMs: number;
  readonly lease: Duration;
  /** Of how many processes one message may be the end. */
  readonly maxCrashes: number;
  /** How long handlers may go on after a SIGTERM. */
  readonly drain: Duration;
  /** How often it looks at its own health, and notes what changed. */
  readonly healthEveryMs?: number;
}

/** What a message may ask of its handler beyond taking its time. */
export interface Work {
  readonly id: string;
  /** To kill its process, or to keep the event loop busy for so long. */
  readonly act?: 'kill' | { readonly blockMs: number };
  /** Makes it long. */
  readonly padding?: string;
}
