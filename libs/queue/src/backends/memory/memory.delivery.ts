import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { DomainEvent } from '../../message/event.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import { type Copy, type Lease, ownBytes } from './memory.copy.js';

/** Its identity is its token: a copy knows which delivery holds it. */
export class MemoryDelivery implements Delivery {
  readonly attempt: number;
  readonly crashes: number;
  readonly failures: readonly FailureRecord[];
  readonly leaseMs: number;
  readonly #copy: Copy;
  #isSettled = false;
  #ownBytes: Body | undefined;

  constructor(
    copy: Copy,
    readonly subscription: string,
    lease: Lease,
  ) {
    this.attempt = copy.attempt;
    this.crashes = copy.crashes;
    this.failures = copy.failures;
    this.leaseMs = lease.leaseMs;
    this.#copy = copy;
    copy.holder = this;
    copy.lease = lease;
  }

  get id(): string {
    return this.#copy.message.id;
  }

  get topic(): string {
    return this.#copy.message.topic;
  }

  get key(): string | undefined {
    return this.#copy.message.key;
  }

  get headers(): Headers {
    return this.#copy.message.headers;
  }

  get event(): DomainEvent | undefined {
    return this.#copy.message.event;
  }

  /** Wall clock, ms since the epoch. */
  get publishedAt(): number {
    return this.#copy.stamp.wallMs;
  }

  get priority(): number | undefined {
    return this.#copy.message.priority;
  }

  get expiresAt(): number | undefined {
    const { stamp, expiresAt } = this.#copy;
    return expiresAt === undefined ? undefined : stamp.wallMs + (expiresAt - stamp.monoMs);
  }

  /** Read when asked for: a message of this process may not even have been encoded. */
  get body(): Body {
    return (this.#ownBytes ??= ownBytes(this.#copy.message.body));
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
