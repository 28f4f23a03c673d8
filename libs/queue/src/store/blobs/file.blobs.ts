import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobStore, expiryOf } from '../blob-store.js';

const BODY = 'body';
const HOLDERS = 'holders';
const DONE = 'done-';

/**
 * A folder per blob, in a directory that all processes share. What is written is synced to the disk and appears whole.
 * Works on a network file system as far as that keeps renames atomic.
 */
export class FileBlobs implements BlobStore {
  constructor(private readonly directory: string) {}

  async put(id: string, bytes: Uint8Array): Promise<void> {
    const folder = this.#folder(id) as string;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = join(folder, 'draft');
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(folder, BODY));
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    const folder = this.#folder(id);
    if (folder === undefined) return undefined;
    return unlessAbsent(readFile(join(folder, BODY)));
  }

  async expect(id: string, holders: number): Promise<void> {
    await this.#note(id, HOLDERS, String(holders));
  }

  async done(id: string, holder: string): Promise<void> {
    await this.#note(id, `${DONE}${createHash('sha256').update(holder).digest('hex')}`, '');
  }

  /** Each looks after it has written, so that of two at once one sees both notes. */
  async #note(id: string, name: string, text: string): Promise<void> {
    const folder = this.#folder(id);
    if (folder === undefined) return;
    await unlessAbsent(writeFile(join(folder, name), text, { mode: 0o600 }));
    const holders = await unlessAbsent(readFile(join(folder, HOLDERS), 'utf8'));
    if (holders === undefined || holders === '') return;
    const names = (await unlessAbsent(readdir(folder))) ?? [];
    const done = names.filter((each) => each.startsWith(DONE)).length;
    if (done >= Number(holders)) await rm(folder, { recursive: true, force: true });
  }

  async sweep(now: number): Promise<number> {
    const ids = (await unlessAbsent(readdir(this.directory))) ?? [];
    const expired = ids.filter((id) => (expiryOf(id) ?? Infinity) <= now);
    for (const id of expired) await rm(join(this.directory, id), { recursive: true, force: true });
    return expired.length;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** undefined: it is no id, and may be a path of somebody's choice. */
  #folder(id: string): string | undefined {
    return expiryOf(id) === undefined ? undefined : join(this.directory, id);
  }
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
