import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { DomainEvent } from '../../message/event.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import { type Copy, type Lease, ownBytes } from './memory.copy.js';

/** Its identity is its token: a copy knows which delivery holds it. */
export class MemoryDelivery implements Delivery {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  readonly body: Body;
  readonly headers: Headers;
  readonly publishedAt: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly failures: readonly FailureRecord[];
  readonly leaseMs: number;
  readonly event: DomainEvent | undefined;
  readonly #copy: Copy;
  #isSettled = false;

  constructor(
    copy: Copy,
    readonly subscription: string,
    lease: Lease,
  ) {
    const { message } = copy;
    this.id = message.id;
    this.topic = message.topic;
    this.key = message.key;
    this.body = ownBytes(message.body);
    this.headers = message.headers;
    this.publishedAt = copy.stamp.wallMs;
    this.attempt = copy.attempt;
    this.crashes = copy.crashes;
    this.failures = copy.failures;
    this.leaseMs = lease.leaseMs;
    this.event = message.event;
    this.#copy = copy;
    copy.holder = this;
    copy.lease = lease;
  }

  get ref(): string {
    return this.#copy.ref;
  }

  /** The copy it was made of: `settled` when it has settled it, undefined when it is no delivery of this backend. */
  static copyOf(delivery: Delivery): Copy | 'settled' | undefined {
    if (!(#copy in delivery)) return undefined;
    return delivery.#isSettled ? 'settled' : delivery.#copy;
  }

  /** Whatever comes for this delivery later is a `noop`. */
  static markSettled(delivery: Delivery | undefined): void {
    if (delivery !== undefined && #isSettled in delivery) delivery.#isSettled = true;
  }
}
