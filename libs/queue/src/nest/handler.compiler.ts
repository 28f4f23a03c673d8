import { ContextIdFactory, type ModuleRef, type NestContainer } from '@nestjs/core';
import type { ContextId, InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { Injector } from '@nestjs/core/injector/injector.js';
import type { Module } from '@nestjs/core/injector/module.js';
import type { HandlerInput } from '../interceptors/message-context.js';
import { EnhancerResolver, type EnhancerScope, type HandlerMethod } from './enhancer.resolver.js';
import { compileChain, type Chain } from './handler.chain.js';
import { compileDefaultParams, compileParams, declaredParams, defaultParams } from './handler.params.js';
import type { Params } from './handler.params.js';
import type { Enhancers } from './enhancer.resolver.js';
import { UnsupportedNestError } from './nest.errors.js';

/** A method of something that Nest's container holds. */
export interface HandlerHost {
  readonly wrapper: InstanceWrapper<object>;
  /** The module that provides it. */
  readonly module: Module;
  readonly method: string;
  readonly enhancers: EnhancerScope;
}

/** Makes one function of each handler at start, so that a message finds everything resolved. */
export class HandlerCompiler {
  readonly #container: NestContainer;
  readonly #injector = new Injector();

  constructor(moduleRef: ModuleRef) {
    this.#container = containerOf(moduleRef);
  }

  compile(host: HandlerHost): Chain {
    const resolver = new EnhancerResolver(this.#container, host.enhancers);
    if (!host.wrapper.isDependencyTreeStatic()) return this.#compilePerMessage(host, resolver);
    const { instance } = host.wrapper;
    return this.#chain({ ...host, instance, contextId: undefined, inquirerId: entryId(host) }, resolver);
  }

  /** A request-scoped host, or one with a request-scoped enhancer: made anew for each message, as for an HTTP request. */
  #compilePerMessage(host: HandlerHost, resolver: EnhancerResolver): Chain {
    const { wrapper, module } = host;
    const collection = module.controllers.has(wrapper.token) ? module.controllers : module.providers;
    return async (context) => {
      const contextId = this.#contextIdFor(context, wrapper);
      const instance = await this.#injector.loadPerContext(
        wrapper.instance,
        module,
        collection as never,
        contextId,
        wrapper as never,
      );
      return this.#chain({ ...host, instance, contextId, inquirerId: wrapper.id }, resolver)(context);
    };
  }

  /** What is injected as REQUEST is the context of the message or the batch, or what a durable strategy puts in its place. */
  #contextIdFor(context: HandlerInput, wrapper: InstanceWrapper): ContextId {
    const contextId = ContextIdFactory.getByRequest(context as HandlerInput & Record<string, unknown>);
    const request: unknown = wrapper.isDependencyTreeDurable() ? contextId.payload : context;
    this.#container.registerRequestProvider(request, contextId);
    return contextId;
  }

  #chain(place: ResolvedHost, resolver: EnhancerResolver): Chain {
    const { instance, method: name, module, contextId, inquirerId } = place;
    const method = (instance as Record<string, HandlerMethod>)[name] as HandlerMethod;
    const enhancers = resolver.resolve({ instance, method, moduleKey: module.token, contextId, inquirerId });
    return compileChain({ instance, method, params: paramsOf(instance, name, enhancers), enhancers });
  }
}

interface ResolvedHost extends HandlerHost {
  readonly instance: object;
  readonly contextId: ContextId | undefined;
  readonly inquirerId: string | undefined;
}

/** undefined: there is nothing to do but to call the method. */
function paramsOf(instance: object, method: string, enhancers: Enhancers): Params | undefined {
  const declared = declaredParams(instance, method);
  if (declared.length > 0) return compileParams(declared, enhancers);
  return enhancers.pipes.length === 0
    ? undefined
    : compileDefaultParams(defaultParams(instance, method), enhancers);
}

/** Nest makes transient enhancers of its own for controllers and entry providers only. */
function entryId({ module, wrapper }: HandlerHost): string | undefined {
  return module.entryProviders.find((entry) => entry.id === wrapper.id)?.id;
}

/** Nest has no public way to its container, which knows the global enhancers and registers requests. */
function containerOf(moduleRef: ModuleRef): NestContainer {
  const { container } = moduleRef as unknown as { readonly container?: NestContainer };
  if (typeof container?.registerRequestProvider === 'function') return container;
  throw new UnsupportedNestError(
    'the container of this version of Nest cannot be read: use @nestjs/core 11 or 12',
  );
}
