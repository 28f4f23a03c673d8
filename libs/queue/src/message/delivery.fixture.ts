import type { Delivery } from './delivery.js';
import { NO_HEADERS } from './headers.js';

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
