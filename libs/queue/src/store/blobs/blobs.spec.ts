import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlobStore, blobId, expiryOf } from '../blob-store.js';
import { MemoryBlobs } from '../../testing/memory-blobs.js';
import { FileBlobs } from './file.blobs.js';
import { SqliteBlobs } from './sqlite.blobs.js';

const directory = mkdtempSync(join(tmpdir(), 'pigeonpost-blobs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const BYTES = Uint8Array.of(0xff, 0x00, 0x7b);
let count = 0;
const makers: Readonly<Record<string, () => BlobStore>> = {
  files: () => new FileBlobs(join(directory, `files-${++count}`)),
  sqlite: () => new SqliteBlobs(join(directory, `blobs-${++count}.db`)),
  memory: () => new MemoryBlobs(),
};

it('a blob’s name tells when it expires, and is no path', () => {
  expect(expiryOf(blobId(1_234.5, 'a-b'))).toBe(1_235);
  for (const name of ['', '.', '..', '../x', 'a/b-c', '-x', 'zz', 'a-', 'a-b.c'])
    expect(expiryOf(name)).toBeUndefined();
});

describe.each(Object.keys(makers))('blobs in %s', (kind) => {
  const blobs = (makers[kind] as () => BlobStore)();
  afterAll(() => blobs.close());
  const put = async (unique: string, expiresAt = 5_000): Promise<string> => {
    const id = blobId(expiresAt, unique);
    await blobs.put(id, BYTES);
    return id;
  };

  it('come back as they were put, and what was never there does not', async () => {
    const id = await put('a');
    expect(new Uint8Array((await blobs.get(id)) as Uint8Array)).toEqual(BYTES);
    expect(await blobs.get(blobId(1, 'nobody'))).toBeUndefined();
    expect(await blobs.get('../../etc/passwd')).toBeUndefined();
  });

  it.each([
    ['before', true],
    ['after', false],
  ])('go with the last holder, who is done %s it is known how many there are', async (_, isEarly) => {
    const id = await put(`holders-${String(isEarly)}`);
    if (!isEarly) await blobs.expect(id, 2);
    await blobs.done(id, 'work');
    await blobs.done(id, 'work');
    if (isEarly) await blobs.expect(id, 2);
    expect(await blobs.get(id)).toBeDefined();
    await blobs.done(id, '../audit');
    expect(await blobs.get(id)).toBeUndefined();
    await blobs.done(id, 'work');
    await blobs.expect(id, 2);
  });

  it('go at once when nobody holds them', async () => {
    const id = await put('nobody-holds');
    await blobs.expect(id, 0);
    expect(await blobs.get(id)).toBeUndefined();
  });

  it('are swept when they have expired, and not before', async () => {
    const [soon, late] = [await put('soon', 900), await put('late', 1_001)];
    expect(await blobs.sweep(1_000)).toBe(1);
    expect([await blobs.get(soon), await blobs.get(late)].map((found) => found !== undefined)).toEqual([
      false,
      true,
    ]);
    expect(await blobs.sweep(1_000)).toBe(0);
  });
});

it('files that are no blobs stay where they are', async () => {
  const own = join(directory, 'own');
  const blobs = new FileBlobs(own);
  expect(await blobs.sweep(1)).toBe(0);
  await blobs.put(blobId(1, 'x'), BYTES);
  writeFileSync(join(own, 'README'), 'mine');
  expect(await blobs.sweep(1)).toBe(1);
  expect(readdirSync(own)).toEqual(['README']);
});

it('a database of blobs survives being closed, and opens again', async () => {
  const file = join(directory, 'again.db');
  const before = new SqliteBlobs(file);
  await before.put(blobId(5, 'x'), BYTES);
  await before.close();
  const after = new SqliteBlobs(file);
  expect(await after.get(blobId(5, 'x'))).toBeDefined();
  await after.close();
});

it('a database that cannot be opened is tried again', async () => {
  const blobs = new SqliteBlobs(join(directory, 'absent', 'x.db'));
  await expect(blobs.get('1-x')).rejects.toThrow(/unable to open/);
  await expect(blobs.get('1-x')).rejects.toThrow(/unable to open/);
  await blobs.close();
});
