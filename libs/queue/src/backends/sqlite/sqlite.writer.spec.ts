import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../ambient/system-clock.js';
import type { QueueError } from '../../message/queue-error.js';
import { Abandonable } from './sqlite.abandonable.js';
import { SqliteFixture } from './sqlite.fixture.js';
import { SqliteWriter } from './sqlite.writer.js';

let fixture: SqliteFixture;
let db: DatabaseSync;
let writer: SqliteWriter;
let commits: number;
let failures: QueueError[];

function openWriter(busyTimeoutMs: number): void {
  commits = 0;
  failures = [];
  const events = {
    committed: () => void commits++,
    failed: (error: QueueError) => void failures.push(error),
  };
  writer = new SqliteWriter('main', db, { clock: fixture.clock, busyTimeoutMs, synchronous: 'FULL', events });
}

const write = (value: string): Promise<string> =>
  writer.submit('write', () => {
    db.prepare('INSERT INTO notes VALUES (?)').run(value);
    return value;
  });
const notes = (): unknown[] =>
  db
    .prepare('SELECT note FROM notes ORDER BY rowid')
    .all()
    .map(({ note }) => note);

beforeEach(() => {
  fixture = new SqliteFixture();
  db = new DatabaseSync(fixture.file, { timeout: 0 });
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE notes (note TEXT UNIQUE)');
  openWriter(5_000);
});
afterEach(async () => {
  await writer.close(0);
  db.close();
  await fixture.close();
});

it('joins what one turn of the event loop brings into one commit, in order', async () => {
  const values = Array.from({ length: 100 }, (_, at) => `n${at}`);
  expect(await Promise.all(values.map(write))).toEqual(values);
  expect(commits).toBe(1);
  expect(notes()).toEqual(values);
});

it('waits for the disk unless nothing but harmless work is in the transaction', async () => {
  const level = (): unknown => db.prepare('PRAGMA synchronous').get()?.['synchronous'];
  const [NORMAL, FULL] = [1, 2];
  expect(await writer.submit('write', level)).toBe(FULL);
  expect(await writer.submitHarmless('receive', level)).toBe(NORMAL);
  const together = [writer.submitHarmless('receive', level), writer.submit('settle', level)];
  expect(await Promise.all(together)).toEqual([FULL, FULL]);
  expect(await Promise.all([1, 2].map(() => writer.submitHarmless('receive', level)))).toEqual([
    NORMAL,
    NORMAL,
  ]);
  expect(await writer.submit('write', level)).toBe(FULL);
});

it('answers an abort that comes after the commit with what was committed', async () => {
  const stop = new AbortController();
  const job = new Abandonable(stop.signal, () => 'gave up');
  const first = write('a');
  const answer = job.outcome(writer.submit('write', () => job.run(() => 'stored')));
  const stopped = first.then(() => stop.abort());
  expect(await answer).toBe('stored');
  await stopped;
});

it('undoes the job that fails, and no other', async () => {
  const results = await Promise.allSettled([write('a'), write('b'), write('a'), write('c')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(results[2]).toMatchObject({
    reason: { code: 'unavailable', message: expect.stringContaining('UNIQUE') },
  });
  expect(notes()).toEqual(['a', 'b', 'c']);
  expect(failures).toHaveLength(1);
});

it('leaves nothing of a job that failed half way', async () => {
  const half = writer.submit('write', () => {
    db.exec(`INSERT INTO notes VALUES ('half')`);
    db.exec('INSERT INTO absent VALUES (1)');
  });
  await expect(half).rejects.toMatchObject({ code: 'unavailable' });
  expect(notes()).toEqual([]);
});

it('takes no more into a transaction once that has run long enough', async () => {
  fixture.clock.stoppedAt = 1_000;
  const slow = (): Promise<void> => writer.submit('write', () => void (fixture.clock.stoppedAt += 8));
  await Promise.all(Array.from({ length: 6 }, slow));
  expect(commits).toBe(2);
});

describe('while another process holds the lock', () => {
  let other: DatabaseSync;
  beforeEach(() => {
    other = new DatabaseSync(fixture.file);
    other.exec('BEGIN IMMEDIATE');
  });
  afterEach(() => other.close());

  it('waits without holding up the event loop', async () => {
    const written = Promise.all([write('a'), write('b')]);
    for (let ticks = 0; ticks < 5; ticks++)
      await new Promise((resolve) => systemClock.timer(1, () => resolve(undefined)));
    expect(notes()).toEqual([]);
    other.exec('COMMIT');
    await written;
    expect(notes()).toEqual(['a', 'b']);
    expect(commits).toBe(1);
  });

  it('gives up after the time limit, and says why', async () => {
    openWriter(20);
    await expect(write('a')).rejects.toThrow(/could not write: another process kept the database locked/);
    other.exec('COMMIT');
    await write('b');
    expect(notes()).toEqual(['b']);
  });

  it('closes at its deadline, and answers those who wait', async () => {
    const written = write('a');
    await Promise.all([
      expect(written).rejects.toMatchObject({ code: 'closed' }),
      writer.close(systemClock.mono() + 20),
    ]);
    await expect(write('b')).rejects.toMatchObject({ code: 'closed' });
  });

  it('finishes before it closes when the lock comes free in time', async () => {
    const written = write('a');
    const closed = writer.close(systemClock.mono() + 5_000);
    other.exec('COMMIT');
    await Promise.all([written, closed]);
    expect(notes()).toEqual(['a']);
  });
});

it('stores the small ones when the disk has no room for the large one', async () => {
  await write('a');
  db.exec('PRAGMA max_page_count = 1');
  const results = await Promise.allSettled([write('b'), write('x'.repeat(100_000)), write('c')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { message: expect.stringContaining('the disk is full') } });
  expect(notes()).toEqual(['a', 'b', 'c']);
});

it('calls a commit that broke off unknown, and goes on', async () => {
  // A deferred constraint fails inside COMMIT itself, as a broken disk would.
  db.exec(
    'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
  );
  const broken = writer.submit('publish', () => db.exec('INSERT INTO c VALUES (1)'));
  await expect(broken).rejects.toMatchObject({ code: 'publish_outcome_unknown' });
  await write('a');
  expect(notes()).toEqual(['a']);
});
