/**
 * The messages of one key are handled one after the other, in the order they were published. Those without a key have
 * no order. That a subscription has an order is kept with it, on the broker; what a retry and a death do to the key is
 * decided by the consumer that settles.
 */
export interface KeyOrder {
  readonly by: 'key';
  /** `block-key`: the key waits with the failed message. `breaks`: the failed message leaves the order, the key goes on. */
  readonly onRetry: 'block-key' | 'breaks';
  /** `hold`: the key waits until the dead letter is replayed, in its old place, or purged. `skip`: the key goes on. */
  readonly onDead: 'hold' | 'skip';
}

/** Of a consumer that says nothing on a subscription that has an order: nothing may overtake. */
export const STRICT_ORDER: KeyOrder = Object.freeze({ by: 'key', onRetry: 'block-key', onDead: 'hold' });
