import type { Backend } from '../backend/backend.js';
import { UnroutableError } from '../backend/backend.errors.js';
import type { Replier } from '../interceptors/replier.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import { type Reply, type ReplyAddress, replyAddress, replyData, replyHeaders } from '../message/reply.js';
import type { Receipt } from './publish-options.js';
import type { Sealer } from './sealer.js';

export interface RepliesParts {
  readonly backend: Backend;
  readonly sealer: Sealer;
  readonly send: (message: Outgoing) => Promise<Receipt>;
}

/** Sends the answers of the handlers of this process. */
export class Replies implements Replier {
  #undeliverable = 0;

  constructor(private readonly parts: RepliesParts) {}

  /** Replies that nobody was there for any more. */
  get undeliverable(): number {
    return this.#undeliverable;
  }

  addressOf({ headers }: Delivery): ReplyAddress | undefined {
    return replyAddress(headers);
  }

  async reply({ topic, ref }: ReplyAddress, reply: Reply): Promise<void> {
    const { backend, sealer, send } = this.parts;
    const marks = replyHeaders(ref, reply);
    // Through its own lane where there is one: what listens to patterns of topics does not get it too.
    const to = backend.capabilities.lane ? topic : undefined;
    const message = sealer.sealMarked(topic, replyData(reply), { options: { type: 'reply' }, marks, to });
    try {
      await send(message);
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
      this.#undeliverable++;
    }
  }
}
