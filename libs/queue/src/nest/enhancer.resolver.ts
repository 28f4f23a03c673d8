import { ApplicationConfig, type NestContainer } from '@nestjs/core';
import type { ArgumentsHost, CanActivate, NestInterceptor, PipeTransform, Type } from '@nestjs/common';
import { ExternalExceptionFilterContext } from '@nestjs/core/exceptions/external-exception-filter-context.js';
import { GuardsContextCreator } from '@nestjs/core/guards/guards-context-creator.js';
import type { ContextId, InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { InterceptorsContextCreator } from '@nestjs/core/interceptors/interceptors-context-creator.js';
import { PipesContextCreator } from '@nestjs/core/pipes/pipes-context-creator.js';
import type { PipeRef } from '../decorators/param.decorators.js';

/** Which enhancers run around a handler; see ConsumeOptions. */
export type EnhancerScope = 'local' | 'all' | readonly Type[];

/** Where a handler lives in Nest's container. */
export interface HandlerPlace {
  readonly instance: object;
  readonly method: HandlerMethod;
  readonly moduleKey: string;
  /** Of one message; undefined for what lives as long as the application. */
  readonly contextId: ContextId | undefined;
  /** For whom transient enhancers are made. */
  readonly inquirerId: string | undefined;
}

export type HandlerMethod = (...args: unknown[]) => unknown;

/** The enhancers of one handler, in the order they run. */
export interface Enhancers {
  readonly guards: readonly CanActivate[];
  readonly interceptors: readonly NestInterceptor[];
  /** Of the application, the class and the method. */
  readonly pipes: readonly PipeTransform[];
  /** Of one parameter. */
  readonly pipesOf: (refs: readonly PipeRef[]) => readonly PipeTransform[];
  /** In the order in which they are asked: those of the method first. */
  readonly filters: readonly FilterEntry[];
}

/** One exception filter, as Nest keeps it. */
export interface FilterEntry {
  readonly func: (error: unknown, host: ArgumentsHost) => unknown;
  /** What `@Catch()` names; empty: everything. */
  readonly exceptionMetatypes: readonly (abstract new (...args: never[]) => unknown)[];
}

/**
 * Finds enhancers by Nest's own creators, which know about modules, scopes and inheritance. They take global enhancers
 * from an ApplicationConfig: a handler that wants none of those gets an empty one.
 */
export class EnhancerResolver {
  readonly #guards: GuardsContextCreator;
  readonly #interceptors: InterceptorsContextCreator;
  readonly #pipes: PipesContextCreator;
  readonly #filters: ExternalExceptionFilterContext;

  constructor(container: NestContainer, scope: EnhancerScope) {
    const config = configFor(container.applicationConfig, scope);
    this.#guards = new GuardsContextCreator(container, config);
    this.#interceptors = new InterceptorsContextCreator(container, config);
    this.#pipes = new PipesContextCreator(container, config);
    this.#filters = new ExternalExceptionFilterContext(container, config);
  }

  resolve(place: HandlerPlace): Enhancers {
    const { instance, method, moduleKey, contextId, inquirerId } = place;
    const filters = this.#filters.create(instance, method as never, moduleKey, contextId, inquirerId);
    const { filters: entries } = filters as unknown as { readonly filters: readonly FilterEntry[] };
    return {
      guards: this.#guards.create(instance, method, moduleKey, contextId, inquirerId),
      interceptors: this.#interceptors.create(instance, method, moduleKey, contextId, inquirerId),
      pipes: this.#pipes.create(instance, method, moduleKey, contextId, inquirerId),
      pipesOf: (refs) => this.#pipes.createConcreteContext([...refs], contextId, inquirerId),
      filters: entries,
    };
  }
}

function configFor(given: ApplicationConfig | undefined, scope: EnhancerScope): ApplicationConfig {
  const config = new ApplicationConfig();
  if (scope === 'local' || given === undefined) return config;
  if (scope === 'all') return given;
  const chosen = (enhancer: object): boolean => scope.some((type) => enhancer instanceof type);
  const chosenWrapper = ({ metatype }: InstanceWrapper): boolean => scope.includes(metatype as Type);
  config.useGlobalGuards(...given.getGlobalGuards().filter(chosen));
  config.useGlobalInterceptors(...given.getGlobalInterceptors().filter(chosen));
  config.useGlobalPipes(...given.getGlobalPipes().filter(chosen));
  config.useGlobalFilters(...given.getGlobalFilters().filter(chosen));
  for (const wrapper of given.getGlobalRequestGuards().filter(chosenWrapper))
    config.addGlobalRequestGuard(wrapper);
  for (const wrapper of given.getGlobalRequestInterceptors().filter(chosenWrapper)) {
    config.addGlobalRequestInterceptor(wrapper);
  }
  for (const wrapper of given.getGlobalRequestPipes().filter(chosenWrapper))
    config.addGlobalRequestPipe(wrapper);
  for (const wrapper of given.getGlobalRequestFilters().filter(chosenWrapper))
    config.addGlobalRequestFilter(wrapper);
  return config;
}
