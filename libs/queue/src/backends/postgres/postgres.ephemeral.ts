import type { Clock } from '../../ambient/clock.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { Receiver } from '../../backend/backend.js';
import { ForwardingReceiver } from '../../backend/forwarding-backend.js';
import type { Delivery } from '../../message/delivery.js';
import type { PostgresCatalogue } from './postgres.catalogue.js';

export interface EphemeralSubscription {
  readonly backend: string;
  readonly subscription: string;
  readonly id: number;
  readonly expiresAfterMs: number;
}

/** The receiver of an ephemeral subscription: keeps it alive by asking, and takes it along when it closes. */
export class EphemeralReceiver extends ForwardingReceiver {
  readonly #kept: EphemeralSubscription;
  readonly #catalogue: PostgresCatalogue;
  readonly #clock: Clock;
  #renewAt: number;
  #closed: Promise<void> | undefined;

  constructor(
    inner: Receiver,
    kept: EphemeralSubscription,
    parts: { catalogue: PostgresCatalogue; clock: Clock },
  ) {
    super(inner);
    this.#kept = kept;
    this.#catalogue = parts.catalogue;
    this.#clock = parts.clock;
    this.#renewAt = parts.clock.mono();
  }

  /** Throws UnknownSubscriptionError when the subscription expired, as after a long sleep of this process. */
  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closed === undefined && this.#clock.mono() >= this.#renewAt) await this.#renew();
    return this.inner.receive(max, signal);
  }

  override close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** While the server does not answer, nobody can say that it is gone. */
  async #renew(): Promise<void> {
    const { backend, subscription, id, expiresAfterMs } = this.#kept;
    const isThere = await this.#catalogue.renew(id).catch(() => undefined);
    if (isThere === false) throw new UnknownSubscriptionError(backend, subscription);
    if (isThere) this.#renewAt = this.#clock.mono() + expiresAfterMs / 3;
  }

  async #close(): Promise<void> {
    await this.inner.close();
    await this.#catalogue.remove(this.#kept.id).catch(() => undefined); // then it goes when it expires
  }
}
