import { DatabaseSync } from 'node:sqlite';
import { message, SqliteFixture, takeNow, takeOne, work } from '../backends/sqlite/sqlite.fixture.js';
import type { Backend } from '../backend/backend.js';
import { MemoryBlobs } from '../testing/memory-blobs.js';
import { ClaimCheck } from './claim-check.js';
import { TransformedBackend } from './transformed.backend.js';

describe('a large body in the caller’s transaction', () => {
  let fixture: SqliteFixture;
  let inner: Backend;
  let backend: Backend;
  let blobs: MemoryBlobs;
  let own: DatabaseSync;

  beforeEach(async () => {
    fixture = new SqliteFixture();
    inner = await fixture.openReady();
    blobs = new MemoryBlobs();
    const { ambient } = fixture;
    const policy = { overBytes: 8, maxBytes: 1_000, keepMs: 1e9, sweepEveryMs: 1e9 };
    const check = new ClaimCheck(policy, { backend: 'main', blobs, ambient, report: () => undefined });
    const parts = { clock: ambient.clock, host: 'h:1', report: () => undefined };
    backend = new TransformedBackend(inner, check, parts);
    own = new DatabaseSync(fixture.file);
  });

  afterEach(async () => {
    own.close();
    await fixture.close();
  });

  const large = { ...message('a'), body: 'larger than eight bytes' };

  it('comes with the commit', async () => {
    const receiver = await work(backend);
    own.exec('BEGIN IMMEDIATE');
    expect(await backend.publish([large], { tx: own })).toMatchObject([{ status: 'stored' }]);
    expect(await takeNow(receiver)).toEqual([]);
    own.exec('COMMIT');
    expect(await takeOne(receiver)).toMatchObject({ id: 'a', body: large.body });
  });

  it('never comes after the roll-back, and leaves a blob that goes with its time', async () => {
    const receiver = await work(backend);
    own.exec('BEGIN IMMEDIATE');
    await backend.publish([large], { tx: own });
    own.exec('ROLLBACK');
    expect(await takeNow(receiver)).toEqual([]);
    expect(blobs.held.size).toBe(1);
  });

  it('is refused when the transaction ends before the blob is stored: this publish has to be awaited', async () => {
    const receiver = await work(backend);
    own.exec('BEGIN IMMEDIATE');
    const publishing = backend.publish([large], { tx: own });
    own.exec('COMMIT');
    expect(await publishing).toMatchObject([{ status: 'refused', error: { code: 'invalid_transaction' } }]);
    expect(await takeNow(receiver)).toEqual([]);
    expect(blobs.held.size).toBe(0);
  });
});
