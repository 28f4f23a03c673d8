import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { dispatching } from '../dispatch.ts';
import { loadHandlerCompiler } from '../library.ts';

/** Ours: one function, compiled at start. */
export const contender = dispatching(async ({ app, type }) => {
  const { HandlerCompiler } = await loadHandlerCompiler();
  for (const module of app.get(ModulesContainer).values()) {
    const wrapper = module.providers.get(type);
    if (wrapper === undefined) continue;
    const host = { wrapper: wrapper as never, module, method: 'handle', enhancers: 'local' as const };
    return new HandlerCompiler(app.get(ModuleRef)).compile(host);
  }
  throw new Error(`${type.name} is not provided`);
});
