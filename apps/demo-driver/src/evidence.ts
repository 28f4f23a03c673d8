import type { PlannedPost } from './plan.js';
import type { RawMessage } from './poison.js';
import type { Projection } from './projection.view.js';

/** A request that was made, and what it was answered with. */
export interface AnsweredPost extends PlannedPost, Repeated {
  readonly status: number;
}

export interface PutMessage extends RawMessage, Repeated {}

/** What was sent again until it was taken. */
export interface Repeated {
  /** How often the queue did not answer before. Each time it may have taken the message nevertheless. */
  readonly unavailable: number;
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

export interface BrokerRestart {
  /** Messages that were still to be handled when the broker went. */
  readonly pending: number;
}

/** Everything the verdict is made of, as found in answers, databases and logs after the run. */
export interface Evidence {
  readonly posts: readonly AnsweredPost[];
  readonly raw: readonly PutMessage[];
  readonly projection: Projection;
  /** Requests that the downstream got, and those it accepted, per delivery. */
  readonly requests: ReadonlyMap<string, number>;
  readonly accepted: ReadonlyMap<string, number>;
  readonly deadLetters: readonly FoundDeadLetter[];
  /** Messages left in the queue. */
  readonly pending: number;
  readonly kills: readonly WorkerKill[];
  /** undefined: there is no broker to restart. */
  readonly restarts: readonly BrokerRestart[] | undefined;
  /** Whether the broker makes a dead letter and takes its message away in one step, so that no crash comes in between. */
  readonly deadAtOnce: boolean;
}
