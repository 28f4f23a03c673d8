import type { Ambient } from '../ambient/ambient.js';
import type { Backend, Settlement, SettleResult } from '../backend/backend.js';
import type { DepthProbe } from '../backend/depth-probe.js';
import type { Handling } from '../interceptors/handling.js';
import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { Routes } from '../interceptors/route.station.js';
import type { OutcomeCounts } from '../interceptors/observe.station.js';
import type { Replier } from '../interceptors/replier.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { Store } from '../store/store.js';
import type { CircuitState } from './circuit.js';
import type { MessageHandler } from './handler.js';
import type { Solo } from './solo.js';

export interface ConsumerOptions {
  readonly backend: Backend;
  /** Needed when the policies ask for idempotency. */
  readonly store: Store | undefined;
  readonly subscription: string;
  readonly topics: readonly string[];
  readonly handler: MessageHandler;
  /** Present where several handlers share the subscription: they handle then, and `handler` only names them. */
  readonly routes?: Routes | undefined;
  /** Outermost first. */
  readonly interceptors: readonly MessageInterceptor[];
  readonly policies: ConsumePolicies;
  readonly ambient: Ambient;
  /** `hostname:pid`, for failure records. */
  readonly host: string;
  readonly listener: ConsumerListener;
  /** Where suspects of this process run alone; default: one for the whole process. */
  readonly solo?: Solo;
  /** Whether a receiver that is wedged is found and replaced. Default: nobody looks. */
  readonly watch?: ConsumerWatch | undefined;
  /** Where answers to requests go. Default: nowhere. */
  readonly replier?: Replier | undefined;
}

export interface ConsumerWatch {
  /** A receiver that brings nothing for so long although messages are ready is replaced. In ms. */
  readonly withinMs: number;
  readonly probe: DepthProbe;
}

/** What others want to know of a consumer. Called on the hot path: cheap, and never throwing. */
export interface ConsumerListener {
  /** The broker's final word on one delivery. */
  settled(handling: Handling, settlement: Settlement, result: SettleResult): void;
  /** Something of ours failed, such as a receive or a station; the consumer goes on. */
  fault(subscription: string, doing: string, error: unknown): void;
}

export interface ConsumerStatus {
  readonly subscription: string;
  readonly backend: string;
  readonly state: 'new' | 'running' | 'paused' | 'draining' | 'stopped';
  /** Handlers at work. */
  readonly running: number;
  /** Deliveries held that have not started. */
  readonly buffered: number;
  /** Handlers that go on although their message was settled without them: each keeps a slot until it ends. */
  readonly stuck: number;
  /** A message is about that may have ended a process: one at a time is taken until it is dealt with. */
  readonly careful: boolean;
  /** When the broker last brought a message; ms since the epoch. */
  readonly lastReceivedAt: number | undefined;
  /** How long its receiver has brought nothing although messages are ready; undefined: it is not wedged, or not watched. */
  readonly wedgedForMs: number | undefined;
  /** How often its receiver was wedged and opened anew. */
  readonly rebuilds: number;
  readonly counts: Readonly<OutcomeCounts>;
  /** `closed` also where there is none. */
  readonly circuit: CircuitState;
  readonly lastError: string | undefined;
}
