/** What its handler does with a message: a turn of the event loop; half a second of work that can be stopped; work that never ends; the end of the process. */
export type Pace = 'quick' | 'slow' | 'endless' | 'deadly';

/** What a worker process is told when it starts. */
export interface WorkerOrder {
  /** The database. */
  readonly file: string;
  /** Where it notes what it does, one JSON object a line. */
  readonly log: string;
  readonly pace: Pace;
}

export interface LogLine {
  readonly what: 'start' | 'effect';
  readonly id: string;
  readonly pid: number;
  readonly attempt: number;
  readonly crashes: number;
}

export const SUBSCRIPTION = { name: 'work', topics: ['orders'] } as const;
/** Long enough for a busy machine to renew in time; what a killed worker held comes back after it. */
export const LEASE_MS = 2_000;
export const CONCURRENCY = 2;
export const PREFETCH = 2;
export const MAX_CRASHES = 2;
/** How long a worker may take to stop. */
export const DRAIN_MS = 3_000;
