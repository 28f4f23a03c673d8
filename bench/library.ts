import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BackendFactory } from '../libs/queue/src/backend/backend.ts';
import { MissingContenderError } from './contender.ts';

/** Where the built library lies. Another build can be named, to compare two. */
export const LIBRARY_VARIABLE = 'PIGEONPOST_BENCH_LIBRARY';
const BUILT = join(import.meta.dirname, '../libs/queue/dist');

/** Loads a module of the built library: what users run, not what the tests run. */
function load(path: string): Promise<unknown> {
  return import(pathToFileURL(resolve(library(), path)).href);
}

function library(): string {
  return process.env[LIBRARY_VARIABLE] ?? BUILT;
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

/** The factory of a backend, by the name that `driver` has in the module's options. */
export async function loadBackend(driver: string): Promise<BackendFactory> {
  const path = `backends/${driver}/index.js`;
  if (!existsSync(resolve(library(), path))) throw new MissingContenderError(`this build has no ${driver}`);
  const module = (await load(path)) as Readonly<Record<string, BackendFactory>>;
  const factory = module[`${driver}Backend`];
  if (factory === undefined) throw new Error(`${path} exports no ${driver}Backend`);
  return factory;
}

export function loadHandlerCompiler() {
  return load('nest/handler.compiler.js') as Promise<
    typeof import('../libs/queue/src/nest/handler.compiler.ts')
  >;
}
