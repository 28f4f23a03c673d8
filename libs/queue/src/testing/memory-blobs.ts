import { type BlobStore, expiryOf } from '../store/blob-store.js';

interface Held {
  readonly bytes: Uint8Array;
  holders: number | undefined;
  readonly done: Set<string>;
}

/** Blobs of one process: for laws and tests. */
export class MemoryBlobs implements BlobStore {
  readonly held = new Map<string, Held>();

  async put(id: string, bytes: Uint8Array): Promise<void> {
    this.held.set(id, { bytes: new Uint8Array(bytes), holders: undefined, done: new Set() });
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    return this.held.get(id)?.bytes;
  }

  async expect(id: string, holders: number): Promise<void> {
    const held = this.held.get(id);
    if (held === undefined) return;
    held.holders = holders;
    this.#collect(id, held);
  }

  async done(id: string, holder: string): Promise<void> {
    const held = this.held.get(id);
    if (held === undefined) return;
    held.done.add(holder);
    this.#collect(id, held);
  }

  #collect(id: string, { holders, done }: Held): void {
    if (holders !== undefined && done.size >= holders) this.held.delete(id);
  }

  async sweep(now: number): Promise<number> {
    const expired = [...this.held.keys()].filter((id) => (expiryOf(id) ?? Infinity) <= now);
    for (const id of expired) this.held.delete(id);
    return expired.length;
  }

  async close(): Promise<void> {}
}
