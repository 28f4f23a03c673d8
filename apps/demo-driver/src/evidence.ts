import type { PlannedPost } from './plan.js';
import type { RawMessage } from './poison.js';
import type { Projection } from './projection.view.js';

/** A request that was made, and what it was answered with. */
export interface AnsweredPost extends PlannedPost {
  readonly status: number;
}

export interface FoundDeadLetter {
  readonly subscription: string;
  readonly id: string;
  readonly reason: string;
  readonly bytes: Uint8Array;
}

export interface WorkerKill {
  /** Messages that the worker held when it died. */
  readonly inFlight: number;
}

/** Everything the verdict is made of, as found in answers, databases and logs after the run. */
export interface Evidence {
  readonly posts: readonly AnsweredPost[];
  readonly raw: readonly RawMessage[];
  readonly projection: Projection;
  /** Requests that the downstream got, and those it accepted, per delivery. */
  readonly requests: ReadonlyMap<string, number>;
  readonly accepted: ReadonlyMap<string, number>;
  readonly deadLetters: readonly FoundDeadLetter[];
  /** Messages left in the queue. */
  readonly pending: number;
  readonly kills: readonly WorkerKill[];
}
