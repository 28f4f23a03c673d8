import type { PublishResult } from '../backend/backend.js';
import { SubscriptionFullError } from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import { type Receipt, receiptOf } from './publish-options.js';

export interface Promised {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: QueueError) => void;
}

/** Tells the publisher. */
export function answer({ id }: Outgoing, result: PublishResult, { resolve, reject }: Promised): void {
  if (result.status === 'stored') resolve(receiptOf(id, result));
  else reject(result.error);
}

/** Whether a full subscription has had a say in it. */
export function metBounds(result: PublishResult): boolean {
  return result.status === 'stored'
    ? result.pressure !== undefined
    : result.error instanceof SubscriptionFullError;
}
