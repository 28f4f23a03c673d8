import type { RabbitNames } from './rabbitmq.names.js';
import { RabbitShelf, type ShelfParts } from './rabbitmq.shelf.js';

export interface ShelvesParts extends Omit<ShelfParts, 'queue' | 'lock'> {
  readonly names: RabbitNames;
}

/** The dead letters of all subscriptions that somebody has looked at. */
export class RabbitShelves {
  readonly #parts: ShelvesParts;
  readonly #known = new Map<string, RabbitShelf>();

  constructor(parts: ShelvesParts) {
    this.#parts = parts;
  }

  of(subscription: string): RabbitShelf {
    const known = this.#known.get(subscription);
    if (known !== undefined) return known;
    const { names } = this.#parts;
    const place = { queue: names.dead(subscription), lock: names.lock(subscription) };
    const shelf = new RabbitShelf({ ...this.#parts, ...place });
    this.#known.set(subscription, shelf);
    return shelf;
  }

  /** Never rejects. Everything in hand is on the broker again. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#known.values()].map((shelf) => shelf.close()));
  }
}
