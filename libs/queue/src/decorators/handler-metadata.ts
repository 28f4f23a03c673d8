import 'reflect-metadata';
import type { ConsumeOptions } from './consume.decorator.js';
import type { DeadLetterOptions } from './dead-letter.decorator.js';
import type { IdempotentOptions } from './idempotent.decorator.js';
import type { RetryOptions } from './retry.decorator.js';

/** What one @Consume said. */
export interface ConsumeEntry {
  readonly topics: readonly string[];
  readonly options: ConsumeOptions;
}

/** What the decorators of one method said. */
export interface HandlerMetadata {
  /** One per @Consume, in the order of the source. */
  readonly consume: readonly ConsumeEntry[];
  readonly retry?: RetryOptions;
  readonly idempotent?: IdempotentOptions;
  readonly deadLetter?: DeadLetterOptions;
}

const KEY = 'pigeonpost:handler';
const NOTHING: HandlerMetadata = Object.freeze({ consume: [] });

/**
 * A method decorator that changes what is written down about its method. It is kept beside the method's name and not
 * on the function, because a decorator further up may put another function in its place.
 */
export function describesHandler(change: (before: HandlerMetadata) => HandlerMetadata): MethodDecorator {
  return (target, method) => {
    const before = (Reflect.getOwnMetadata(KEY, target, method) ?? NOTHING) as HandlerMetadata;
    Reflect.defineMetadata(KEY, change(before), target, method);
  };
}

/** What is written down about a method, inherited ones included; nothing about one that overrides a described one. */
export function handlerMetadata(prototype: object, method: string): HandlerMetadata {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, method))
    owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) return NOTHING;
  return (Reflect.getOwnMetadata(KEY, owner, method) ?? NOTHING) as HandlerMetadata;
}
