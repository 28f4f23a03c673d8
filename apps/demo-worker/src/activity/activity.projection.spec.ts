import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ActivityProjection, type Activity } from './activity.projection.js';

const OPENED: Activity = {
  id: 'one',
  event: 'github.issues',
  repository: 'octocat/hello-world',
  action: 'opened',
  sender: 'octocat',
};

describe('ActivityProjection', () => {
  const folder = mkdtempSync(join(tmpdir(), 'projection-'));
  let count = 0;
  let file: string;
  let projection: ActivityProjection;

  beforeEach(() => {
    file = join(folder, `${count++}.db`);
    projection = new ActivityProjection(file);
  });

  afterEach(() => {
    projection.close();
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function rows(sql: string): unknown[] {
    const db = new DatabaseSync(file);
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  }

  it('counts deliveries per repository and event', () => {
    projection.apply(OPENED, 1);
    projection.apply({ ...OPENED, id: 'two' }, 2);
    projection.apply({ ...OPENED, id: 'three', event: 'github.push', action: undefined }, 3);
    expect(rows('SELECT event, count, newest_at FROM activity ORDER BY event')).toEqual([
      { event: 'github.issues', count: 2, newest_at: 2 },
      { event: 'github.push', count: 1, newest_at: 3 },
    ]);
  });

  it('applies a delivery once and notes how often it came', () => {
    expect(projection.apply(OPENED, 1)).toBe('applied');
    expect(projection.apply(OPENED, 2)).toBe('seen before');
    expect(rows('SELECT count, newest_at FROM activity')).toEqual([{ count: 1, newest_at: 1 }]);
    expect(rows('SELECT seen, applied_at FROM deliveries')).toEqual([{ seen: 2, applied_at: 1 }]);
  });

  it('leaves neither the note nor the count when the second half fails, and works on', () => {
    const other = new DatabaseSync(file);
    other.exec("CREATE TRIGGER full BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'no space'); END");
    expect(() => projection.apply(OPENED, 1)).toThrow('no space');
    expect(rows('SELECT id FROM deliveries')).toEqual([]);
    other.exec('DROP TRIGGER full');
    other.close();
    expect(projection.apply(OPENED, 2)).toBe('applied');
  });

  it('remembers over a restart', () => {
    projection.apply(OPENED, 1);
    projection.close();
    projection = new ActivityProjection(file);
    expect(projection.apply(OPENED, 2)).toBe('seen before');
  });
});
