import { Inject } from '@nestjs/common';
import type { QueueModuleOptions } from './queue.options.js';

/** The options as given, before they are checked. */
export const QUEUE_OPTIONS = Symbol('pigeonpost:options');
/** Names of the backends that the module was told when it was put together. */
export const QUEUE_BACKEND_NAMES = Symbol('pigeonpost:backends');
export const QUEUE_FEATURE = Symbol('pigeonpost:feature');
/** An OptionsRevision, where the application provides one: how tests put memory in the place of brokers. */
export const QUEUE_OPTIONS_REVISION = Symbol('pigeonpost:options-revision');

/** Other options in the place of those that were given, once these are known to be right. */
export interface OptionsRevision {
  revise(options: QueueModuleOptions): QueueModuleOptions;
}

/** Token of the Bus of a named backend; the primary one is injected by its class. */
export function getBusToken(backend: string): string {
  return `PigeonpostBus:${backend}`;
}

/** Token of the Store of a named backend. */
export function getStoreToken(backend: string): string {
  return `PigeonpostStore:${backend}`;
}

/** The Bus of a named backend. */
export function InjectBus(backend: string): ParameterDecorator & PropertyDecorator {
  return Inject(getBusToken(backend));
}

/** The Store of a named backend. Using it fails where that backend cannot remember. */
export function InjectStore(backend: string): ParameterDecorator & PropertyDecorator {
  return Inject(getStoreToken(backend));
}
