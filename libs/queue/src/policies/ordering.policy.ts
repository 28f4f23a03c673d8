import type { KeyOrder } from '../backend/key-order.js';
import { InvalidPolicyError } from './invalid-policy.error.js';
import { oneOf } from './one-of.js';

/** What a handler can ask for: the short form is the strictest one. */
export type OrderOption = KeyOrder['by'] | (Pick<KeyOrder, 'by'> & Partial<KeyOrder>);

/**
 * The order with its defaults: a retry blocks its key, and a dead letter holds it; where a retry breaks the order, a dead
 * letter is skipped. `where` names the handler. Throws InvalidPolicyError.
 */
export function keyOrder(where: string, given: OrderOption): KeyOrder {
  const {
    by,
    onRetry = 'block-key',
    onDead = onRetry === 'breaks' ? 'skip' : 'hold',
  }: Partial<KeyOrder> = typeof given === 'string' ? { by: given } : given;
  oneOf(`${where}: order.by`, by, ['key']);
  oneOf(`${where}: order.onRetry`, onRetry, ['block-key', 'breaks']);
  oneOf(`${where}: order.onDead`, onDead, ['hold', 'skip']);
  if (onRetry === 'breaks' && onDead === 'hold') {
    throw new InvalidPolicyError(
      `${where}: order.onDead is 'hold', but with onRetry 'breaks' the key has gone on before its message dies: take one of them away`,
    );
  }
  return Object.freeze({ by: 'key', onRetry, onDead });
}
