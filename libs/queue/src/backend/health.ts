import type { BackendStatus } from './backend.js';

/** `degraded`: it works, and somebody should look. `down`: it does not do its work. */
export type HealthState = 'up' | 'degraded' | 'down';

/** The worst of them; `up` when there are none. */
export function worstOf(states: readonly HealthState[]): HealthState {
  if (states.includes('down')) return 'down';
  return states.includes('degraded') ? 'degraded' : 'up';
}

/** One backend, and the subscriptions that this process handles on it. Plain data: survives JSON. */
export interface BackendHealth {
  readonly name: string;
  /** The worst of the connection and the subscriptions. */
  readonly state: HealthState;
  /** How often it was down and came up again. */
  readonly reconnects: number;
  /** As the backend says itself; its texts are free of secrets. */
  readonly connection: BackendStatus;
  readonly subscriptions: readonly SubscriptionHealth[];
}

/** One subscription of this process. Times are ms since the epoch, by the clock of this process. */
export interface SubscriptionHealth {
  readonly subscription: string;
  /** `Class.method`. */
  readonly handler: string;
  readonly state: HealthState;
  /** Why `state` is not `up`, as a sentence. */
  readonly problem: string | undefined;
  readonly consumer: 'new' | 'running' | 'paused' | 'draining' | 'stopped';
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** A message is about that may have ended a process: one at a time is taken until it is dealt with. */
  readonly careful: boolean;
  /** Handlers at work here. */
  readonly running: number;
  /** Deliveries held here that have not started. */
  readonly buffered: number;
  /** Handlers here that go on although their message was settled without them. */
  readonly stuck: number;
  /** When the broker last brought a message here; undefined: never. */
  readonly lastReceivedAt: number | undefined;
  /** How often its receiver was wedged, and replaced. */
  readonly rebuilds: number;
  /** What became of the deliveries here since the start. */
  readonly counts: HandledCounts;
  /** What lies on the broker, for all processes; undefined: not known yet, or the backend cannot count. */
  readonly depth: DepthHealth | undefined;
}

/** Deliveries by outcome. A number that only grows: made for counters of a metrics system. */
export interface HandledCounts {
  readonly ack: number;
  /** Given back, uncounted. */
  readonly release: number;
  readonly retry: number;
  readonly dead: number;
  /** Its lease was over before it was settled: the message comes again. */
  readonly lost: number;
}

/** Messages of one subscription on the broker, by where they are. */
export interface DepthHealth {
  readonly ready: number;
  readonly delayed: number;
  /** Behind another message of their key. */
  readonly held: number;
  readonly inflight: number;
  readonly dead: number;
  /** Age of the oldest ready message, in ms; undefined when none is ready. */
  readonly oldestReadyMs: number | undefined;
  /** Counts above 10,000 are what the broker estimates. */
  readonly approximate?: true;
  /** When this was counted: older than a few seconds means that the broker did not answer since. */
  readonly countedAt: number;
}
