import type { Clock } from '../../ambient/clock.js';
import type { Receiver } from '../../backend/backend.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import { ForwardingReceiver } from '../../backend/forwarding-backend.js';
import type { Delivery } from '../../message/delivery.js';
import type { SqliteCounters } from './sqlite.counters.js';
import type { SqliteEphemeral } from './sqlite.ephemeral.js';
import type { SqliteWriter } from './sqlite.writer.js';

export interface EphemeralSubscription {
  readonly backend: string;
  readonly subscription: string;
  readonly id: number;
  readonly expiresAfterMs: number;
}

export interface EphemeralParts {
  readonly ephemeral: SqliteEphemeral;
  readonly writer: SqliteWriter;
  readonly counters: SqliteCounters;
  readonly clock: Clock;
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
    const { backend, subscription, id, expiresAfterMs } = this.#kept;
    const { writer, ephemeral, clock } = this.#parts;
    const isThere = await writer.submit('renew a subscription', () => ephemeral.renew(id, clock.now()));
    if (!isThere) throw new UnknownSubscriptionError(backend, subscription);
    this.#renewAt = clock.mono() + expiresAfterMs / 3;
  }

  async #close(): Promise<void> {
    await this.inner.close();
    await this.#remove().catch(() => undefined); // then it goes when it expires
  }

  #remove(): Promise<void> {
    const { writer, ephemeral, counters } = this.#parts;
    return writer.submit('remove a subscription', () => {
      ephemeral.remove(this.#kept.id);
      counters.topologyChanged();
    });
  }
}
