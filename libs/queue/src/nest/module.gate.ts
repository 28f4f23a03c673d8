import type { Module } from '@nestjs/core/injector/module.js';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';

/** When the consumers of one module may start, and when they must be done. */
export interface Gate {
  readonly start: () => Promise<void>;
  readonly drain: () => Promise<void>;
}

type Hooks = { onApplicationBootstrap?: Hook; onModuleDestroy?: Hook };
type Hook = (this: unknown) => unknown;

/**
 * Hangs a gate into the lifecycle of a module: its consumers start when the bootstrap hooks of the module and of
 * everything in it are done, and are drained before the first of its destroy hooks runs, so that a handler never
 * meets a closed dependency of its own module. Modules that it imports are destroyed later anyway. A hook of the queue
 * module itself could not do this: a global module starts first and is destroyed last.
 */
export function hangGate(module: Module, gate: Gate): void {
  compose(module.instance as object, 'onApplicationBootstrap', async (original) => {
    await original();
    await gate.start();
  });
  hangDrain(module, gate.drain);
}

/** The second half of a gate alone. `drain` is called before each destroy hook, and answers all alike. */
export function hangDrain(module: Module, drain: Gate['drain']): void {
  for (const instance of destroyed(module, module.instance as object)) {
    compose(instance, 'onModuleDestroy', async (original) => {
      await drain();
      await original();
    });
  }
}

/** Whether Nest calls the hooks of the module's own class. */
export function hasHooks(module: Module): boolean {
  return module.getProviderByKey(module.metatype).isDependencyTreeStatic();
}

function destroyed(module: Module, self: object): ReadonlySet<object> {
  const { providers, controllers, injectables } = module;
  const wrappers: InstanceWrapper[] = [providers, controllers, injectables].flatMap((map) => [
    ...map.values(),
  ]);
  const instances = wrappers
    .filter((wrapper) => !wrapper.isAlias && !wrapper.isTransient && wrapper.isDependencyTreeStatic())
    .map(({ instance }): unknown => instance)
    .filter((instance): instance is object => typeof instance === 'object' && instance !== null)
    .filter((instance) => typeof (instance as Hooks).onModuleDestroy === 'function');
  return new Set([self, ...instances]);
}

/** Around a hook, for one call of it: afterwards the instance is as it was. Frozen instances are left alone. */
function compose(
  instance: object,
  hook: keyof Hooks,
  around: (original: () => Promise<void>) => Promise<void>,
): void {
  const before = Object.getOwnPropertyDescriptor(instance, hook);
  const original = (instance as Hooks)[hook];
  const value = async (): Promise<void> => {
    if (before === undefined) Reflect.deleteProperty(instance, hook);
    else Reflect.defineProperty(instance, hook, before);
    await around(async () => void (await original?.call(instance)));
  };
  Reflect.defineProperty(instance, hook, { value, configurable: true, writable: true, enumerable: false });
}
