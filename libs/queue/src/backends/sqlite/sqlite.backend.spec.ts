import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemAmbient } from '../../ambient/ambient.js';
import { assemble, sqliteBackend } from './sqlite.backend.js';
import { openDatabase } from './sqlite.connection.js';
import {
  failure,
  inspect,
  message,
  NEVER,
  settle,
  SqliteFixture,
  take,
  takeNow,
  takeOne,
  turn,
  work,
  WORK,
} from './sqlite.fixture.js';
import { resolveOptions } from './sqlite.options.js';

const OPEN = '/proc/self/fd';
const descriptors = (): string[] => (existsSync(OPEN) ? readdirSync(OPEN) : []);

/** Files this process has open, where the system tells (Linux). */
function openFiles(): string[] {
  return descriptors().flatMap((fd) => {
    try {
      return [readlinkSync(`${OPEN}/${fd}`)];
    } catch {
      // The descriptor that read the folder is closed by now.
      return [];
    }
  });
}

/** File watches of this process, where the system tells (Linux): Node does not count those that keep nothing alive. */
function watches(): number {
  const infos = descriptors()
    .map((fd) => `/proc/self/fdinfo/${fd}`)
    .filter((info) => existsSync(info));
  return infos
    .map((info) => readFileSync(info, 'utf8').split('inotify wd:').length - 1)
    .reduce((sum, n) => sum + n, 0);
}

let fixture: SqliteFixture;
beforeEach(() => void (fixture = new SqliteFixture()));
afterEach(() => fixture.close());

describe('opening', () => {
  it('refuses a file that is no place on a disk, and says what to do', async () => {
    await expect(fixture.open({ file: ':memory:' })).rejects.toThrow(/option "file".*use the memory driver/);
    const missing = join(fixture.directory, 'absent', 'queue.db');
    await expect(fixture.open({ file: missing })).rejects.toThrow(/absent" does not exist: create it first/);
    await expect(fixture.open({ file: fixture.directory })).rejects.toMatchObject({ code: 'sqlite_file' });
  });

  it('makes files that only their owner can read', async () => {
    const backend = await fixture.openReady();
    await backend.publish([message('a')]);
    for (const suffix of ['', '-wal', '-shm', '-bell']) {
      expect(statSync(fixture.file + suffix).mode & 0o777).toBe(0o600);
    }
  });

  it('lets ten at once make the same database', async () => {
    const backends = await Promise.all(Array.from({ length: 10 }, () => fixture.openReady()));
    const [result] = await (backends[3] as (typeof backends)[number]).publish([message('a')]);
    expect(result).toEqual({ status: 'stored', copies: 1 });
  });
});

describe('topology', () => {
  it('reports what is missing and what is beyond, and changes nothing when it checks', async () => {
    const backend = await fixture.openReady();
    const declared = {
      subscriptions: [
        { name: 'work', topics: ['refunds'] },
        { name: 'audit', topics: ['orders'] },
      ],
    };
    const expected = [
      { kind: 'missing-topic', subscription: 'work', topic: 'refunds' },
      { kind: 'extra-topic', subscription: 'work', topic: 'orders' },
      { kind: 'missing-subscription', subscription: 'audit', topic: undefined },
    ];
    expect(await backend.ensure(declared, 'check')).toEqual(expected);
    expect(await backend.ensure(declared, 'check')).toEqual(expected);
    expect(await backend.ensure(declared, 'create')).toEqual([expected[1]]);
  });

  it('reaches subscriptions that another process has added since', async () => {
    const publisher = await fixture.openReady();
    await publisher.publish([message('a')]);
    const other = await fixture.openReady();
    await other.ensure({ subscriptions: [{ name: 'audit', topics: ['orders'] }] }, 'create');
    expect(await publisher.publish([message('b')])).toEqual([{ status: 'stored', copies: 2 }]);
  });

  it('opens only what was ensured', async () => {
    const { backend } = await fixture.open();
    await expect(backend.open({ ...WORK, leaseMs: 1_000 })).rejects.toMatchObject({
      code: 'unknown_subscription',
    });
  });
});

describe('publishing', () => {
  it('answers for every message of a batch', async () => {
    const backend = await fixture.openReady({ maxBytes: 10 });
    const results = await backend.publish([
      message('fits', { body: '0123456789' }),
      message('large', { body: 'ééééé!' }),
      message('nowhere', { topic: 'refunds', body: '' }),
      message('stranger', { to: 'audit', body: '' }),
      message('late', { delayMs: Infinity, body: '' }),
      message('direct', { topic: 'refunds', to: 'work', body: new Uint8Array(10) }),
    ]);
    expect(
      results.map((result) =>
        result.status === 'stored' ? result.copies : (result.error as { code?: string }).code,
      ),
    ).toEqual([1, 'payload_too_large', 'unroutable', 'unroutable', 'unsupported', 1]);
    const receiver = await work(backend);
    expect((await take(receiver, 2)).map(({ id, topic }) => [id, topic])).toEqual([
      ['fits', 'orders'],
      ['direct', 'refunds'],
    ]);
  });

  it('refuses a transaction that it cannot join', async () => {
    const backend = await fixture.openReady();
    const [result] = await backend.publish([message('a')], { tx: {} });
    expect(result).toMatchObject({ status: 'refused', error: { code: 'invalid_transaction' } });
  });

  it('stores nothing once the caller gave up', async () => {
    const backend = await fixture.openReady();
    const lock = new DatabaseSync(fixture.file);
    lock.exec('BEGIN IMMEDIATE');
    const stop = new AbortController();
    const published = backend.publish([message('a')], { signal: stop.signal });
    stop.abort();
    expect(await published).toMatchObject([{ status: 'refused', error: { code: 'unavailable' } }]);
    lock.exec('ROLLBACK');
    lock.close();
    await backend.publish([message('b')]);
    expect((await take(await work(backend), 1)).map(({ id }) => id)).toEqual(['b']);
  });
});

describe('a full disk', () => {
  it('refuses publishes, tells a failed settlement apart from a done one, and recovers', async () => {
    const options = resolveOptions('main', { file: fixture.file });
    const db = await openDatabase('main', options, systemAmbient.clock);
    const { backend } = assemble('main', db, options, systemAmbient);
    await backend.ensure({ subscriptions: [WORK] }, 'create');
    await backend.publish([message('first')]);
    const receiver = await work(backend);
    const delivery = await takeOne(receiver);
    db.exec('PRAGMA max_page_count = 1');
    const large = { ...failure(1), error: { name: 'Error', message: 'x'.repeat(20_000) } };
    const [published, settled] = await Promise.all([
      backend.publish([message('second', { body: 'x'.repeat(20_000) })]),
      settle(receiver, { kind: 'retry', delivery, delayMs: 0, failure: large }),
    ]);
    expect(published).toMatchObject([
      { status: 'refused', error: { message: expect.stringContaining('disk is full') } },
    ]);
    expect(settled).toMatchObject({ code: 'unavailable' });
    expect(backend.status()).toMatchObject({
      state: 'degraded',
      lastError: expect.stringContaining('disk is full'),
    });
    db.exec('PRAGMA max_page_count = 100000');
    expect(await settle(receiver, { kind: 'ack', delivery })).toBe('ok');
    expect(backend.status().state).toBe('up');
    expect(await inspect(backend, { kind: 'depth' })).toMatchObject([{ ready: 0, inflight: 0, delayed: 0 }]);
    await backend.close(new Date(systemAmbient.clock.now() + 1_000));
  });
});

describe('closing', () => {
  it('stores what was accepted before, refuses what comes after, and may be done twice', async () => {
    const backend = await fixture.openReady();
    const accepted = Promise.all(
      Array.from({ length: 300 }, (_, at) => backend.publish([message(`m${at}`)])),
    );
    const deadline = new Date(systemAmbient.clock.now() + 5_000);
    await Promise.all([backend.close(deadline), backend.close(deadline)]);
    expect((await accepted).flat().every(({ status }) => status === 'stored')).toBe(true);
    await expect(backend.publish([message('late')])).rejects.toMatchObject({ code: 'closed' });
    const again = await fixture.openReady();
    expect(await inspect(again, { kind: 'depth' })).toMatchObject([{ ready: 300 }]);
  });

  it('ends a receive that waits, and leaves no timer, watch or file open', async () => {
    const before = [process.getActiveResourcesInfo().length, watches()];
    const backend = await fixture.openReady();
    const waiting = (await work(backend)).receive(10, NEVER);
    await turn();
    await backend.close(new Date(systemAmbient.clock.now() + 1_000));
    expect(await waiting).toEqual([]);
    await turn();
    expect([process.getActiveResourcesInfo().length, watches()]).toEqual(before);
    expect(openFiles().filter((file) => file.startsWith(fixture.directory))).toEqual([]);
  });

  it('gives leases back by their end, and never before', async () => {
    const first = await fixture.openReady();
    await first.publish([message('a')]);
    await take(await work(first, 60_000), 1);
    await first.close(new Date(systemAmbient.clock.now() + 1_000));
    const receiver = await work(await fixture.openReady());
    expect(await takeNow(receiver)).toEqual([]);
    fixture.clock.aheadMs = 60_001;
    expect(await take(receiver, 1)).toMatchObject([{ id: 'a', attempt: 2, crashes: 1 }]);
  });

  it('lets two backends of one process share a file', async () => {
    const directory = join(fixture.directory, 'shared');
    mkdirSync(directory);
    const open = (name: string) => sqliteBackend.open(name, { file: join(directory, 'q.db') }, systemAmbient);
    const [one, two] = await Promise.all([open('one'), open('two')]);
    await one.backend.ensure({ subscriptions: [WORK] }, 'create');
    const waiting = (await work(two.backend)).receive(1, NEVER);
    await one.backend.publish([message('a')]);
    expect(await waiting).toMatchObject([{ id: 'a' }]);
    await Promise.all(
      [one, two].map(({ backend }) => backend.close(new Date(systemAmbient.clock.now() + 1_000))),
    );
  });
});
