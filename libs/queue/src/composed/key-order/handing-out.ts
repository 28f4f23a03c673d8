import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { copyOf } from '../../message/body.js';
import { changedDelivery, type Delivery } from '../../message/delivery.js';
import type { Content } from './park-record.js';
import type { ParkEntry } from './park.js';
import type { Place } from './place.js';

export interface HandingOutParts {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly subscription: string;
  /** The lease of a parked message has ended without a settlement. */
  readonly expired: (place: Place) => void;
}

/** Which delivery may settle what. The broker keeps the leases of its own messages; those of parked ones are kept here. */
export class HandingOut {
  readonly #places = new WeakMap<Delivery, Place>();
  readonly #settled = new WeakSet<Delivery>();
  /** Of parked messages that are handed out. */
  readonly #leases = new Map<Place, CancelTimer>();
  /** Deliveries that are handed out and not settled. */
  count = 0;

  constructor(private readonly parts: HandingOutParts) {}

  /** What a delivery may settle, or the answer to its settlement. */
  find(delivery: Delivery): Place | 'lost' | 'noop' {
    if (this.#settled.has(delivery)) return 'noop';
    const place = this.#places.get(delivery);
    return place?.delivery === delivery ? place : 'lost';
  }

  /** A message of the broker, with what is left of its lease. */
  handBrokers(place: Place): Delivery {
    const original = place.original as Delivery;
    const { body } = original;
    if (place.line !== undefined && typeof body !== 'string') place.bytes ??= copyOf(body);
    const leftMs = place.leaseEndsAt - this.parts.clock.mono();
    const isFresh = original.leaseMs - leftMs < 1 && !this.#places.has(original);
    return this.#hand(
      place,
      isFresh ? original : changedDelivery(original, { leaseMs: Math.max(1, leftMs) }),
    );
  }

  /** A message of the park. Its attempt has been counted. */
  handParked(place: Place): Delivery {
    const { clock, leaseMs } = this.parts;
    place.leaseEndsAt = clock.mono() + leaseMs;
    const delivery = this.#hand(place, place.delivery as Delivery);
    this.keepLease(place);
    return delivery;
  }

  /** From now on the lease of a delivery ends here, and not at the broker. */
  keepLease(place: Place): void {
    const { clock, expired } = this.parts;
    this.#leases.get(place)?.();
    const cancel = clock.timer(place.leaseEndsAt - clock.mono(), () => {
      if (place.state !== 'out') return;
      if (clock.mono() < place.leaseEndsAt) return this.keepLease(place); // extended meanwhile
      this.revoke(place);
      expired(place);
    });
    this.#leases.set(place, cancel);
  }

  /** It cannot settle anything any more; another delivery of the same message will. */
  revoke(place: Place): void {
    if (place.state !== 'out' || place.delivery === undefined) return;
    place.delivery = undefined;
    this.#ended(place);
  }

  /** It is settled: whoever says so again hears `noop`. */
  settled(place: Place): void {
    const { delivery } = place;
    if (delivery === undefined) return;
    this.#settled.add(delivery);
    place.delivery = undefined;
    this.#ended(place);
  }

  stop(): void {
    for (const cancel of this.#leases.values()) cancel();
    this.#leases.clear();
  }

  /** As the handler of a parked message gets it. */
  parkedDelivery({ record }: ParkEntry, { body, headers }: Content): Delivery {
    const { id, ref, topic, key, publishedAt, attempts, crashes, failures, priority, expiresAt } = record;
    const { subscription, leaseMs } = this.parts;
    const message = { id, ref, topic, subscription, key, body, headers, publishedAt, priority, expiresAt };
    return { ...message, attempt: attempts + 1, crashes, failures, leaseMs };
  }

  #hand(place: Place, delivery: Delivery): Delivery {
    place.state = 'out';
    place.delivery = delivery;
    this.#places.set(delivery, place);
    this.count++;
    return delivery;
  }

  #ended(place: Place): void {
    this.count--;
    this.#leases.get(place)?.();
    this.#leases.delete(place);
  }
}
