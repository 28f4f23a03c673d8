import type { Delivery } from '../message/delivery.js';
import type { Reply, ReplyAddress } from '../message/reply.js';

/** The way back to those who wait for an answer. */
export interface Replier {
  /** undefined: nobody waits for an answer to this message. Asked once for every message that ends. */
  addressOf(delivery: Delivery): ReplyAddress | undefined;
  /**
   * Resolves when the reply is stored, or when nobody waits for it any more. Rejects with SerializeError for a value
   * that cannot be sent, and when it is not known to be stored.
   */
  reply(address: ReplyAddress, reply: Reply): Promise<void>;
}
