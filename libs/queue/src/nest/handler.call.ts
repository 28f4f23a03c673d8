import type { ExecutionContext } from '@nestjs/common';
import type { HandlerInput } from '../interceptors/message-context.js';
import type { HandlerMethod } from './enhancer.resolver.js';
import { executionContext } from './execution-context.js';

/** One message on its way to its method. */
export class HandlerCall {
  #execution: ExecutionContext | undefined;

  constructor(
    readonly context: HandlerInput,
    private readonly instance: object,
    private readonly method: HandlerMethod,
  ) {}

  /** Nest's view of the call, made when the first enhancer asks for it. */
  get execution(): ExecutionContext {
    const { data } = this.context;
    this.#execution ??= executionContext([data, this.context], this.instance, this.method);
    return this.#execution;
  }
}
