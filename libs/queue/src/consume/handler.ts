import type { MessageContext } from '../interceptors/message-context.js';

/** The application's code behind a subscription. Returning accepts; throwing goes to the retry policy. */
export interface MessageHandler {
  /** `Class.method`: named in failure records, logs and errors. */
  readonly name: string;
  /** May answer without a promise. */
  handle(context: MessageContext): unknown;
}
