import type { Backend, OpenedBackend } from '../../backend/backend.js';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { Depth, InspectQuery } from '../../backend/inspect.js';
import type { Store } from '../../store/store.js';

const PAGE = { limit: 1_000 };

/** The memory that stands in the place of each backend. */
export class Memories {
  readonly #opened = new Map<string, OpenedBackend>();

  add(name: string, opened: OpenedBackend): void {
    this.#opened.set(name, opened);
  }

  /** Throws BackendUnavailableError when that backend was not opened, which `app.init()` does. */
  async depth(name: string, subscription: string): Promise<Depth> {
    const opened = this.#opened.get(name);
    const [depth] = opened === undefined ? [] : await depths(opened.backend, { kind: 'depth', subscription });
    if (depth !== undefined) return depth;
    throw new BackendUnavailableError(name, 'tell its depth', 'the application is not initialised');
  }

  /** Removes what nobody has in flight: messages, dead letters, and everything that the stores remember. */
  async clear(): Promise<void> {
    for (const { backend, store } of this.#opened.values()) {
      for (const { subscription } of await depths(backend, { kind: 'depth' }))
        await purge(backend, subscription);
      if (store !== undefined) await forget(store);
    }
  }
}

async function depths(backend: Backend, query: InspectQuery & { kind: 'depth' }): Promise<readonly Depth[]> {
  const found: Depth[] = [];
  for await (const item of backend.inspect(query)) if (item.kind === 'depth') found.push(item);
  return found;
}

async function purge(backend: Backend, subscription: string): Promise<void> {
  for (const state of ['ready', 'delayed', 'dead'] as const) {
    for await (const purged of backend.inspect({ kind: 'purge', subscription, state })) void purged;
  }
}

async function forget(store: Store): Promise<void> {
  for (let found = await store.scan('', PAGE); found.length > 0; found = await store.scan('', PAGE)) {
    await store.write(found.map(({ key }) => ({ op: 'delete', key })));
  }
}
