import type { Delivery } from '../message/delivery.js';
import { delivery } from '../message/delivery.fixture.js';
import { Handling } from './handling.js';

export { delivery };

export function handling(given: Partial<Delivery> = {}, receivedAt = 0): Handling {
  return new Handling(delivery(given), 'main', receivedAt);
}
