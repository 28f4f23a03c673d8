import { checkConcurrency } from '../policies/consume.policies.js';
import type { MessageHandler } from './handler.js';

/** How many messages may be at work while `concurrency` runs of the handler are. Throws InvalidPolicyError. */
export function slotsFor(handler: MessageHandler, concurrency: number): number {
  checkConcurrency(handler.name, concurrency);
  handler.resize?.(concurrency);
  return concurrency * (handler.takes ?? 1);
}
