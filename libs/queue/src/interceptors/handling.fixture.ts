import type { Delivery } from '../message/delivery.js';
import { NO_HEADERS } from '../message/headers.js';
import { Handling } from './handling.js';

/** A delivery that came straight from a broker. */
export function delivery(given: Partial<Delivery> = {}): Delivery {
  return {
    id: 'm-1',
    ref: 'ref-1',
    topic: 'orders',
    subscription: 'work',
    key: undefined,
    body: '{}',
    headers: NO_HEADERS,
    publishedAt: 1_000,
    attempt: 1,
    crashes: 0,
    failures: [],
    leaseMs: 30_000,
    ...given,
  };
}

export function handling(given: Partial<Delivery> = {}, receivedAt = 0): Handling {
  return new Handling(delivery(given), 'main', receivedAt);
}
