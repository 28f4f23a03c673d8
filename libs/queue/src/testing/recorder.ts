import type { Clock } from '../ambient/clock.js';
import type {
  Backend,
  BackendStatus,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import type { Drift, SubscriptionSpec, Topology } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import type { HistoryEvent } from './history.js';

/** Writes down what happens at the seam, for the checker. Several connections may share one recorder. */
export class Recorder {
  readonly events: HistoryEvent[] = [];
  /** Topics by subscription. */
  readonly topology = new Map<string, Set<string>>();

  constructor(readonly clock: Clock) {}

  watch(backend: Backend): Backend {
    return new RecordedBackend(backend, this);
  }

  ensured(topology: Topology): void {
    for (const { name, topics } of topology.subscriptions) {
      this.topology.set(name, new Set([...(this.topology.get(name) ?? []), ...topics]));
    }
  }

  /** Subscriptions that must get a copy. */
  targets(message: Outgoing): readonly string[] {
    if (message.to !== undefined) return [message.to];
    return [...this.topology].filter(([, topics]) => topics.has(message.topic)).map(([name]) => name);
  }
}

class RecordedBackend implements Backend {
  constructor(
    private readonly inner: Backend,
    private readonly recorder: Recorder,
  ) {}

  get name(): string {
    return this.inner.name;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    if (mode === 'create') this.recorder.ensured(topology);
    return this.inner.ensure(topology, mode);
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const targets = batch.map((message) => this.recorder.targets(message));
    // Written down before the answer: a message may be handled before its publisher hears of it.
    const slots = batch.map((message, at) => this.#note(message, targets[at] as readonly string[]));
    const results = await this.inner.publish(batch, call);
    results.forEach((result, at) => {
      const { events } = this.recorder;
      const slot = slots[at] as number;
      events[slot] = { ...(events[slot] as HistoryEvent & { kind: 'published' }), result };
    });
    return results;
  }

  async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new RecordedReceiver(await this.inner.open(spec), this.recorder);
  }

  async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    for await (const found of this.inner.inspect(query)) {
      if (found.kind === 'purged' && query.kind === 'purge' && query.state !== 'dead') {
        this.recorder.events.push({ kind: 'purged', subscription: query.subscription, count: found.count });
      }
      yield found;
    }
  }

  status(): BackendStatus {
    return this.inner.status();
  }

  close(deadline: Date): Promise<void> {
    return this.inner.close(deadline);
  }

  #note(message: Outgoing, to: readonly string[]): number {
    const result = { status: 'unknown' } as PublishResult;
    return this.recorder.events.push({ kind: 'published', message, to, result }) - 1;
  }
}

const NO_ANSWER = new BackendUnavailableError('recorded', 'settle', 'no answer came');

class RecordedReceiver implements Receiver {
  constructor(
    readonly inner: Receiver,
    private readonly recorder: Recorder,
  ) {}

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries = await this.inner.receive(max, signal);
    const at = this.recorder.clock.mono();
    for (const delivery of deliveries) this.recorder.events.push({ kind: 'delivered', delivery, at });
    return deliveries;
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    // Written down before the answer: what a release gives back may be delivered before its owner hears of it.
    const slots = acts.map((act) => this.#note(act));
    const results = await this.inner.settle(acts);
    results.forEach((result, n) => {
      const { events } = this.recorder;
      const slot = slots[n] as number;
      events[slot] = { ...(events[slot] as HistoryEvent & { kind: 'settled' }), result };
    });
    return results;
  }

  #note(act: Settlement): number {
    const { events, clock } = this.recorder;
    return events.push({ kind: 'settled', act, result: NO_ANSWER, at: clock.mono() }) - 1;
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
