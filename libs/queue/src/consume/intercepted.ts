import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { MessageContext } from '../interceptors/message-context.js';
import type { MessageHandler } from './handler.js';

/** The handler with the application's own interceptors around it, the first one outermost. */
export function intercepted(
  handler: MessageHandler,
  interceptors: readonly MessageInterceptor[],
): MessageHandler {
  if (interceptors.length === 0) return handler;
  const chain = interceptors.reduceRight<(context: MessageContext) => Promise<unknown>>(
    (next, interceptor) => async (context) => interceptor.intercept(context, () => next(context)),
    async (context) => handler.handle(context),
  );
  return {
    name: handler.name,
    handle: chain,
    takes: handler.takes,
    giveBack: () => handler.giveBack?.(),
    resize: (concurrency) => handler.resize?.(concurrency),
  };
}
