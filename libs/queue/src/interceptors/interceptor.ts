import type { MessageContext } from './message-context.js';

/**
 * A station of the application's own, around the handler and inside ours: it sees the opened event, every attempt,
 * and what the handler returned or threw. What it throws counts as the handler's failure.
 */
export interface MessageInterceptor {
  intercept(context: MessageContext, next: () => Promise<unknown>): Promise<unknown>;
}
