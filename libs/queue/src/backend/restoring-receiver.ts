import { changedDelivery, type Delivery } from '../message/delivery.js';
import type { Receiver, Settlement, SettleResult } from './backend.js';
import { ForwardingReceiver } from './forwarding-backend.js';

/** Hands deliveries out in another form than the receiver below knows them by, and settles them in theirs. */
export class RestoringReceiver extends ForwardingReceiver {
  /** What the backend knows of each delivery that was restored: its token is there. */
  readonly #originals = new WeakMap<Delivery, Delivery>();
  readonly #changes: (delivery: Delivery) => Partial<Delivery> | undefined;

  /** `changes`: how a delivery differs above; undefined: not at all. */
  constructor(inner: Receiver, changes: (delivery: Delivery) => Partial<Delivery> | undefined) {
    super(inner);
    this.#changes = changes;
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return (await this.inner.receive(max, signal)).map((delivery) => this.#restored(delivery));
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.inner.settle(acts.map((act) => this.#onBroker(act)));
  }

  #restored(delivery: Delivery): Delivery {
    const changes = this.#changes(delivery);
    if (changes === undefined) return delivery;
    const restored = changedDelivery(delivery, changes);
    this.#originals.set(restored, delivery);
    return restored;
  }

  #onBroker(act: Settlement): Settlement {
    const delivery = this.#originals.get(act.delivery);
    return delivery === undefined ? act : { ...act, delivery };
  }
}
