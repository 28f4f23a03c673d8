import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where the built library lies. Another build can be named, to compare two. */
export const LIBRARY_VARIABLE = 'PIGEONPOST_BENCH_LIBRARY';
const BUILT = join(import.meta.dirname, '../libs/queue/dist');

/** Loads a module of the built library: what users run, not what the tests run. */
function load(path: string): Promise<unknown> {
  return import(pathToFileURL(resolve(process.env[LIBRARY_VARIABLE] ?? BUILT, path)).href);
}

export async function loadCore() {
  const [bus, consumer, policies, ambient] = await Promise.all([
    load('publish/bus.js') as Promise<typeof import('../libs/queue/src/publish/bus.ts')>,
    load('consume/consumer.js') as Promise<typeof import('../libs/queue/src/consume/consumer.ts')>,
    load('policies/consume.policies.js') as Promise<
      typeof import('../libs/queue/src/policies/consume.policies.ts')
    >,
    load('ambient/ambient.js') as Promise<typeof import('../libs/queue/src/ambient/ambient.ts')>,
  ]);
  return { ...bus, ...consumer, ...policies, ...ambient };
}

export function loadMemory() {
  return load('backends/memory/index.js') as Promise<
    typeof import('../libs/queue/src/backends/memory/index.ts')
  >;
}

export function loadHandlerCompiler() {
  return load('nest/handler.compiler.js') as Promise<
    typeof import('../libs/queue/src/nest/handler.compiler.ts')
  >;
}

export function loadSqlite() {
  return load('backends/sqlite/index.js') as Promise<
    typeof import('../libs/queue/src/backends/sqlite/index.ts')
  >;
}
