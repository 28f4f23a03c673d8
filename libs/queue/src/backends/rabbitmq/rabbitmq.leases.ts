import type { CancelTimer, Clock } from '../../ambient/clock.js';
import type { RabbitDelivery } from './rabbitmq.delivery.js';

/**
 * AMQP knows no leases: a message is somebody's until their channel ends. Whoever has it therefore gives it back by
 * itself when the lease is over, so that a consumer which forgot about it does not keep it for ever.
 */
export class RabbitLeases {
  readonly #clock: Clock;
  readonly #ended: (delivery: RabbitDelivery) => void;
  readonly #held = new Set<RabbitDelivery>();
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock, ended: (delivery: RabbitDelivery) => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  get count(): number {
    return this.#held.size;
  }

  add(delivery: RabbitDelivery): void {
    this.#held.add(delivery);
    if (this.#cancel === undefined) this.#arm(delivery.leaseEndsAt - this.#clock.mono());
  }

  /** false: it was not held any more. */
  remove(delivery: RabbitDelivery): boolean {
    return this.#held.delete(delivery);
  }

  has(delivery: RabbitDelivery): boolean {
    return this.#held.has(delivery);
  }

  /** What a lost channel took with it. */
  clear(): void {
    this.#held.clear();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#held.clear();
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.timer(ms, () => this.#check());
  }

  #check(): void {
    this.#cancel = undefined;
    const nowMs = this.#clock.mono();
    let nextAt = Infinity;
    for (const delivery of this.#held) {
      if (delivery.leaseEndsAt > nowMs) nextAt = Math.min(nextAt, delivery.leaseEndsAt);
      else if (this.#held.delete(delivery)) this.#ended(delivery);
    }
    if (nextAt < Infinity) this.#arm(nextAt - nowMs);
  }
}
