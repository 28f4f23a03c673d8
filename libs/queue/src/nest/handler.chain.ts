import type { NestInterceptor } from '@nestjs/common';
import type { HandlerInput } from '../interceptors/message-context.js';
import type { Enhancers, HandlerMethod } from './enhancer.resolver.js';
import { executionContext } from './execution-context.js';
import { FilterRing } from './filter.ring.js';
import { GuardRing } from './guard.ring.js';
import { argumentFiller } from './handler.arguments.js';
import { HandlerCall } from './handler.call.js';
import type { Params } from './handler.params.js';
import { InterceptorRing, settledAnswer } from './interceptor.ring.js';
import { isThenable } from '../consume/thenable.js';

export interface ChainParts {
  readonly instance: object;
  readonly method: HandlerMethod;
  /** undefined: call with `(data, context)`. */
  readonly params: Params | undefined;
  readonly enhancers: Pick<Enhancers, 'guards' | 'interceptors' | 'filters'>;
}

export type Chain = (context: HandlerInput) => unknown;

/**
 * One function that does to a message what Nest's ExternalContextCreator does to a call (guards, interceptors, pipes,
 * method, and filters around them) without its cost: it is put together once, leaves out what the handler does not
 * have, and waits only where something is a promise. On purpose it differs in two points: it logs no errors, because
 * the retry policy decides about them; and it awaits what a filter returns, see FilterRing.
 */
export function compileChain(parts: ChainParts): Chain {
  const { guards, interceptors, filters } = parts.enhancers;
  const plain = guards.length === 0 && interceptors.length === 0;
  const inner = plain ? plainChain(parts) : guardedChain(parts);
  return filters.length === 0 ? inner : filteredChain(parts, inner);
}

function plainChain(parts: ChainParts): Chain {
  const { instance, method } = parts;
  if (parts.params === undefined) {
    return (context) => settledAnswer(method.call(instance, context.data, context));
  }
  const callMethod = methodCaller(parts);
  return (context) => settledAnswer(callMethod(new HandlerCall(context, instance, method)));
}

function guardedChain(parts: ChainParts): Chain {
  const { instance, method, enhancers } = parts;
  const guards = new GuardRing(enhancers.guards);
  const proceed = interceptedCaller(parts);
  return (context) => {
    const call = new HandlerCall(context, instance, method);
    const waits = guards.admit(call.execution);
    return waits === undefined ? proceed(call) : waits.then(() => proceed(call));
  };
}

type Caller = (call: HandlerCall) => unknown;

function interceptedCaller(parts: ChainParts): Caller {
  const callMethod = methodCaller(parts);
  const [outermost, ...others] = parts.enhancers.interceptors;
  if (outermost === undefined) return (call) => settledAnswer(callMethod(call));
  const ring = new InterceptorRing([outermost, ...others] satisfies [NestInterceptor, ...NestInterceptor[]]);
  return (call) => ring.run(call.execution, () => callMethod(call));
}

function methodCaller({ instance, method, params }: ChainParts): Caller {
  if (params === undefined) return ({ context }) => method.call(instance, context.data, context);
  const fill = argumentFiller(params);
  return (call) => {
    const args = fill(call);
    return Array.isArray(args)
      ? method.apply(instance, args)
      : args.then((filled) => method.apply(instance, filled));
  };
}

function filteredChain({ instance, enhancers }: ChainParts, inner: Chain): Chain {
  const ring = new FilterRing(enhancers.filters);
  const filter = (error: unknown, context: HandlerInput): Promise<unknown> =>
    ring.catch(error, executionContext([context.data, context], instance, null));
  return (context) => {
    try {
      const answer = inner(context);
      return isThenable(answer) ? answer.then(undefined, (error: unknown) => filter(error, context)) : answer;
    } catch (error) {
      return filter(error, context);
    }
  };
}
