import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import type {
  Backend,
  BackendStatus,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
  StatusListener,
} from './backend.js';
import type { Capabilities } from './capabilities.js';
import type { InspectQuery, Inspected } from './inspect.js';
import type { Drift, SubscriptionSpec, Topology } from './topology.js';

/**
 * Passes every call on: the start of a backend that watches, changes or fails some of them. `publishNow` and
 * `publishEach` are left out, so that whoever overrides `publish` sees every message.
 */
export abstract class ForwardingBackend implements Backend {
  constructor(protected readonly inner: Backend) {}

  get name(): string {
    return this.inner.name;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    return this.inner.ensure(topology, mode);
  }

  publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    return this.inner.publish(batch, call);
  }

  open(spec: SubscriptionSpec): Promise<Receiver> {
    return this.inner.open(spec);
  }

  inspect(query: InspectQuery): AsyncIterable<Inspected> {
    return this.inner.inspect(query);
  }

  status(): BackendStatus {
    return this.inner.status();
  }

  onStatus(listener: StatusListener): void {
    this.inner.onStatus?.(listener);
  }

  close(deadline: Date): Promise<void> {
    return this.inner.close(deadline);
  }
}

/** The same for a receiver. */
export abstract class ForwardingReceiver implements Receiver {
  constructor(readonly inner: Receiver) {}

  get isStandingBy(): boolean {
    return this.inner.isStandingBy === true;
  }

  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.inner.receive(max, signal);
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.inner.settle(acts);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
