import { Inject } from '@nestjs/common';

/** The options as given, before they are checked. */
export const QUEUE_OPTIONS = Symbol('pigeonpost:options');
/** Names of the backends that the module was told when it was put together. */
export const QUEUE_BACKEND_NAMES = Symbol('pigeonpost:backends');
export const QUEUE_FEATURE = Symbol('pigeonpost:feature');

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
