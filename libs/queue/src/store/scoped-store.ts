import type { Conflict, Page, Store, StoreEntry, StoreOp, WriteResult } from './store.js';

/**
 * A part of a store that others use too: its keys begin with `<scope>/` there and are plain here. A key may be that much
 * shorter. Closing it closes nothing, because the store is somebody else's.
 */
export class ScopedStore implements Store {
  readonly #prefix: string;

  constructor(
    private readonly whole: Store,
    scope: string,
  ) {
    this.#prefix = `${scope}/`;
  }

  async read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    const found = await this.whole.read(keys.map((key) => this.#outer(key)));
    return found.map((entry) => entry && this.#inner(entry));
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    const outer = ops.map((op) => ({ ...op, key: this.#outer(op.key) }));
    const written = await this.whole.write(outer, options);
    if (written.ok) return written;
    return { ok: false, conflicts: written.conflicts.map((conflict) => this.#conflict(conflict)) };
  }

  async scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    const { limit, after } = page;
    const outer = after === undefined ? { limit } : { limit, after: this.#outer(after) };
    const found = await this.whole.scan(this.#outer(prefix), outer);
    return found.map((entry) => this.#inner(entry));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #outer(key: string): string {
    return this.#prefix + key;
  }

  #inner(entry: StoreEntry): StoreEntry {
    return { ...entry, key: entry.key.slice(this.#prefix.length) };
  }

  #conflict({ key, entry }: Conflict): Conflict {
    return { key: key.slice(this.#prefix.length), entry: entry && this.#inner(entry) };
  }
}
