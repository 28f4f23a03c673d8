import type { Clock } from '../ambient/clock.js';
import type { Delivery } from '../message/delivery.js';
import { UnknownSubscriptionError } from './backend.errors.js';
import type { Receiver } from './backend.js';
import { ForwardingReceiver } from './forwarding-backend.js';

export interface EphemeralSubscription {
  readonly backend: string;
  readonly subscription: string;
  readonly expiresAfterMs: number;
}

export interface EphemeralParts {
  readonly clock: Clock;
  /** Lets it live for its time once more. false: it has expired; undefined: nobody can say now. */
  readonly renew: () => Promise<boolean | undefined>;
  readonly remove: () => Promise<void>;
}

/** The receiver of an ephemeral subscription: keeps it alive by asking, and takes it along when it closes. */
export class EphemeralReceiver extends ForwardingReceiver {
  readonly #kept: EphemeralSubscription;
  readonly #parts: EphemeralParts;
  #renewAt: number;
  #closed: Promise<void> | undefined;

  constructor(inner: Receiver, kept: EphemeralSubscription, parts: EphemeralParts) {
    super(inner);
    this.#kept = kept;
    this.#parts = parts;
    this.#renewAt = parts.clock.mono();
  }

  /** Throws UnknownSubscriptionError when the subscription expired, as after a long sleep of this process. */
  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closed === undefined && this.#parts.clock.mono() >= this.#renewAt) await this.#renew();
    return this.inner.receive(max, signal);
  }

  override close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #renew(): Promise<void> {
    const { backend, subscription, expiresAfterMs } = this.#kept;
    const { renew, clock } = this.#parts;
    const isThere = await renew();
    if (isThere === false) throw new UnknownSubscriptionError(backend, subscription);
    if (isThere) this.#renewAt = clock.mono() + expiresAfterMs / 3;
  }

  async #close(): Promise<void> {
    await this.inner.close();
    await this.#parts.remove().catch(() => undefined); // then it goes when it expires
  }
}
