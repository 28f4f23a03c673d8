import type { ArgumentsHost } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { HandlerMethod } from './enhancer.resolver.js';

/** What `getType()` of an execution context says in a handler. */
export const QUEUE_CONTEXT_TYPE = 'queue';

/** Whether a guard, pipe, interceptor or filter runs around the handler of a message. */
export function isQueueContext(context: ArgumentsHost): boolean {
  return context.getType<string>() === QUEUE_CONTEXT_TYPE;
}

/** `getArgs()` is `[data, context]`, so that `switchToRpc()` finds both where it looks for them. */
export function executionContext(
  args: unknown[],
  host: object,
  method: HandlerMethod | null,
): ExecutionContextHost {
  const type = method === null ? null : (host.constructor as never);
  const context = new ExecutionContextHost(args, type, method);
  context.setType(QUEUE_CONTEXT_TYPE);
  return context;
}
