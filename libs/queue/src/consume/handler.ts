import type { MessageContext } from '../interceptors/message-context.js';

/** The application's code behind a subscription. Returning accepts; throwing goes to the retry policy. */
export interface MessageHandler {
  /** `Class.method`: named in failure records, logs and errors. */
  readonly name: string;
  /** May answer without a promise. */
  handle(context: MessageContext): unknown;
  /** How many messages one run takes; absent: one. */
  readonly takes?: number | undefined;
  /** Present where messages wait for each other: gives back, uncounted, those that wait. */
  giveBack?(): void;
  /** Present where runs are not messages: how many runs there may be at once. */
  resize?(concurrency: number): void;
}
