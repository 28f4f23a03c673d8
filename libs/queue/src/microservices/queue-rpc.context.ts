import { BaseRpcContext } from '@nestjs/microservices';
import type { MessageContext } from '../interceptors/message-context.js';

/** What `@Ctx()` is in a handler of a pattern. */
export class QueueRpcContext extends BaseRpcContext<[MessageContext, string]> {
  /** The message: id, headers, attempt, the event, and the signal that aborts. */
  getMessage(): MessageContext {
    return this.args[0];
  }

  /** As Nest writes it: a text, or an object as one. */
  getPattern(): string {
    return this.args[1];
  }
}
