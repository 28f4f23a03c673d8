import { BackendClosedError } from '../backend/backend.errors.js';
import type {
  Backend,
  BackendStatus,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import type { Drift, SubscriptionSpec, Topology } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

/**
 * A backend as one process sees it. After `kill` nothing that this process does reaches the broker, and nothing from
 * there reaches the process: what it held stays held until the leases end.
 */
export class ProcessView implements Backend {
  readonly #death = new AbortController();
  /** Set by a test: every settlement of this process fails with it. */
  settleFailure: SettleResult | undefined;

  constructor(private readonly inner: Backend) {}

  get name(): string {
    return this.inner.name;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  kill(): void {
    this.#death.abort();
  }

  ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    return this.inner.ensure(topology, mode);
  }

  publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    return this.isDead ? Promise.reject(this.gone('publish')) : this.inner.publish(batch, call);
  }

  async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new ViewedReceiver(await this.inner.open(spec), this, this.#death.signal);
  }

  inspect(query: InspectQuery): AsyncIterable<Inspected> {
    return this.inner.inspect(query);
  }

  status(): BackendStatus {
    return this.inner.status();
  }

  close(deadline: Date): Promise<void> {
    return this.inner.close(deadline);
  }

  gone(doing: string): BackendClosedError {
    return new BackendClosedError(this.name, doing);
  }
}

class ViewedReceiver implements Receiver {
  constructor(
    private readonly inner: Receiver,
    private readonly process: ProcessView,
    private readonly death: AbortSignal,
  ) {}

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.process.isDead) throw this.process.gone('receive');
    const deliveries = await this.inner.receive(max, AbortSignal.any([signal, this.death]));
    if (this.process.isDead) throw this.process.gone('receive');
    return deliveries;
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const failure = this.process.isDead ? this.process.gone('settle') : this.process.settleFailure;
    return failure === undefined ? this.inner.settle(acts) : acts.map(() => failure);
  }

  async close(): Promise<void> {
    if (!this.process.isDead) await this.inner.close();
  }
}
