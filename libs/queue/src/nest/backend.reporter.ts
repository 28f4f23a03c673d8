import type { Logger } from '@nestjs/common';
import type { Clock } from '../ambient/clock.js';
import type { Backend } from '../backend/backend.js';
import { type Counted, DepthProbe } from '../backend/depth-probe.js';
import {
  type BackendHealth,
  type DepthHealth,
  type HealthState,
  type SubscriptionHealth,
  worstOf,
} from '../backend/health.js';
import type { ConsumerStatus } from '../consume/consumer-options.js';
import { BackendStates } from './backend.states.js';
import type { RunningClaim } from './consumers.js';

export interface ReporterParts {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What this process handles on it. */
  readonly running: () => readonly RunningClaim[];
}

/** Tells how one backend does, and what this process handles on it. */
export class BackendReporter {
  readonly #parts: ReporterParts;
  /** Shared by all who look, so that they load the broker no more than one does. */
  readonly probe: DepthProbe;
  readonly states: BackendStates;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    const { backend, clock, logger } = parts;
    this.probe = new DepthProbe(backend, clock);
    this.states = new BackendStates({ backend: backend.name, clock, logger });
    backend.onStatus?.((status) => this.states.changed(status));
  }

  close(): void {
    this.states.close();
    this.probe.close();
  }

  /** Within 2 s, and never by dialling: a backend that is not connected answers from memory. Never rejects. */
  async read(): Promise<BackendHealth> {
    const { backend } = this.#parts;
    const running = this.#parts.running();
    const counted = await Promise.all(running.map(({ claim }) => this.probe.read(claim.subscription)));
    const connection = backend.status();
    const subscriptions = running.map((each, at) => subscriptionHealth(each, counted[at]));
    const state = worstOf([connection.state, ...subscriptions.map((each) => each.state)]);
    return { name: backend.name, state, reconnects: this.states.reconnects, connection, subscriptions };
  }
}

function subscriptionHealth(
  { claim, consumer }: RunningClaim,
  counted: Counted | undefined,
): SubscriptionHealth {
  const status = consumer.status();
  const { subscription, circuit, careful, running, buffered, stuck, lastReceivedAt, rebuilds, counts } =
    status;
  return {
    subscription,
    handler: claim.handler,
    ...verdictOn(status),
    consumer: status.state,
    circuit,
    careful,
    running,
    buffered,
    stuck,
    lastReceivedAt,
    rebuilds,
    counts,
    depth: counted && depthHealth(counted),
  };
}

interface HealthVerdict {
  readonly state: HealthState;
  readonly problem: string | undefined;
}

function verdictOn({ circuit, stuck, wedgedForMs, rebuilds }: ConsumerStatus): HealthVerdict {
  if (wedgedForMs !== undefined) {
    const tried = `its receiver was replaced ${rebuilds} times since the start`;
    return {
      state: 'down',
      problem: `nothing has come for ${wedgedForMs} ms although messages are ready: ${tried}`,
    };
  }
  if (stuck > 0) {
    return degraded(`${stuck} of its handlers did not end when they were told to: each keeps a slot`);
  }
  if (circuit !== 'closed') return degraded(`its circuit is ${circuit}: attempt after attempt has failed`);
  return { state: 'up', problem: undefined };
}

function degraded(problem: string): HealthVerdict {
  return { state: 'degraded', problem };
}

function depthHealth({ depth, countedAt }: Counted): DepthHealth {
  const { kind: _kind, subscription: _subscription, dropped: _dropped, ...counts } = depth;
  return { ...counts, countedAt };
}
