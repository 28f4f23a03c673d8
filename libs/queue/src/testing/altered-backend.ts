import type {
  Backend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { Drift, SubscriptionSpec, Topology } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';

/** What to do differently. Each verb gets the right way to do it. */
export interface Alterations {
  ensure?(topology: Topology): Topology;
  publish?(
    batch: readonly Outgoing[],
    rightly: (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>,
  ): Promise<readonly PublishResult[]>;
  receive?(rightly: () => Promise<readonly Delivery[]>, receiver: Receiver): Promise<readonly Delivery[]>;
  settle?(
    acts: readonly Settlement[],
    rightly: (acts: readonly Settlement[]) => Promise<readonly SettleResult[]>,
  ): Promise<readonly SettleResult[]>;
  open?(spec: SubscriptionSpec): SubscriptionSpec;
}

/** A backend that does some things differently: how known mistakes are put in front of the laws. */
export class AlteredBackend extends ForwardingBackend {
  constructor(
    inner: Backend,
    private readonly alterations: Alterations,
  ) {
    super(inner);
  }

  override ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    return this.inner.ensure(this.alterations.ensure?.(topology) ?? topology, mode);
  }

  override publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const rightly = (given: readonly Outgoing[]) => this.inner.publish(given, call);
    return this.alterations.publish?.(batch, rightly) ?? rightly(batch);
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    const asked = this.alterations.open?.(spec) ?? spec;
    return new AlteredReceiver(await this.inner.open(asked), this.alterations);
  }
}

class AlteredReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly alterations: Alterations,
  ) {
    super(inner);
  }

  override receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const rightly = () => this.inner.receive(max, signal);
    return this.alterations.receive?.(rightly, this.inner) ?? rightly();
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const rightly = (given: readonly Settlement[]) => this.inner.settle(given);
    return this.alterations.settle?.(acts, rightly) ?? rightly(acts);
  }
}
