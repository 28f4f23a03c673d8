import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../ambient/system-clock.js';
import { SqliteFixture, turn } from './sqlite.fixture.js';
import { SqliteTrim } from './sqlite.trim.js';
import { SqliteWriter } from './sqlite.writer.js';

it('gives the disk back what a burst took, step by step, and keeps some for the next', async () => {
  const fixture = new SqliteFixture();
  const db = new DatabaseSync(fixture.file);
  db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; CREATE TABLE burst (body)');
  db.exec(
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO burst SELECT zeroblob(400000) FROM n',
  );
  db.exec('DELETE FROM burst');
  const count = (pragma: 'page_count' | 'freelist_count'): number =>
    Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const events = { committed: () => undefined, failed: () => undefined };
  const writer = new SqliteWriter('main', db, {
    clock: systemClock,
    busyTimeoutMs: 0,
    synchronous: 'FULL',
    events,
  });
  const trim = new SqliteTrim(db, writer);
  const before = count('page_count');
  trim.run();
  await turn();
  expect(count('page_count')).toBe(before - 512);
  for (let step = 0; step < 20; step++) {
    trim.run();
    await turn();
  }
  expect(count('freelist_count')).toBeLessThanOrEqual(2_048);
  expect(count('freelist_count')).toBeGreaterThan(1_000);
  await writer.close(0);
  db.close();
  await fixture.close();
});
