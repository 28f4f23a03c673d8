import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { message, SqliteFixture, takeOne, work } from './sqlite.fixture.js';

let fixture: SqliteFixture;
beforeEach(() => void (fixture = new SqliteFixture()));
afterEach(() => fixture.close());

function inFile(sql: string): void {
  const db = new DatabaseSync(fixture.file);
  db.exec(sql);
  db.close();
}

function journalMode(): unknown {
  const db = new DatabaseSync(fixture.file);
  const mode = db.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  db.close();
  return mode;
}

it('refuses a schema of the future, and leaves it as it is', async () => {
  const first = await fixture.openReady();
  await first.close(new Date(fixture.clock.now() + 1_000));
  inFile('PRAGMA user_version = 99');
  await expect(fixture.open()).rejects.toThrow(
    /schema is version 99, written by a newer release.*upgrade this application/,
  );
  const db = new DatabaseSync(fixture.file);
  expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
  db.close();
});

it('never takes the database of another application', async () => {
  inFile('CREATE TABLE customers (id INTEGER)');
  await expect(fixture.open()).rejects.toThrow(
    /is the database of another application: name a file of its own/,
  );
  expect(journalMode()).toBe('delete');
  inFile('PRAGMA user_version = 1');
  await expect(fixture.open()).rejects.toThrow(/is the database of another application/);
});

it('says so when the file is no database at all', async () => {
  writeFileSync(fixture.file, 'this is a text file, and a rather long one at that: '.repeat(40));
  await expect(fixture.open()).rejects.toThrow(/the file is not an SQLite database/);
});

it('finds everything again after a restart', async () => {
  const first = await fixture.openReady();
  await first.publish([message('a')]);
  await first.close(new Date(fixture.clock.now() + 1_000));
  const { backend } = await fixture.open();
  expect(await takeOne(await work(backend))).toMatchObject({ id: 'a', attempt: 1 });
});
