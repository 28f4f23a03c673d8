import { BackendClosedError } from '../backend/backend.errors.js';
import type { PublishCall, PublishResult, Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import type { SubscriptionSpec } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

/**
 * A backend as one process sees it. After `kill` nothing that this process does reaches the broker, and nothing from
 * there reaches the process: what it held stays held until the leases end.
 */
export class ProcessView extends ForwardingBackend {
  readonly #death = new AbortController();
  /** Set by a test: every settlement of this process fails with it. */
  settleFailure: SettleResult | undefined;

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  kill(): void {
    this.#death.abort();
  }

  override publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    return this.isDead ? Promise.reject(this.gone('publish')) : this.inner.publish(batch, call);
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    if (this.isDead) throw this.gone('inspect');
    yield* this.inner.inspect(query);
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new ViewedReceiver(await this.inner.open(spec), this, this.#death.signal);
  }

  gone(doing: string): BackendClosedError {
    return new BackendClosedError(this.name, doing);
  }
}

class ViewedReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly process: ProcessView,
    private readonly death: AbortSignal,
  ) {
    super(inner);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.process.isDead) throw this.process.gone('receive');
    const deliveries = await this.inner.receive(max, AbortSignal.any([signal, this.death]));
    if (this.process.isDead) throw this.process.gone('receive');
    return deliveries;
  }

  override async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const failure = this.process.isDead ? this.process.gone('settle') : this.process.settleFailure;
    return failure === undefined ? this.inner.settle(acts) : acts.map(() => failure);
  }

  override async close(): Promise<void> {
    if (!this.process.isDead) await this.inner.close();
  }
}
