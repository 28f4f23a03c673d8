import { sql } from 'drizzle-orm';
import { fromDrizzle, fromMysql2, fromPrisma } from './executors.js';

// Those that have a database here are tested against it in test/e2e.

describe('an executor by the shape of its client', () => {
  it('asks Prisma for rows only where there are some', async () => {
    const calls: unknown[][] = [];
    const client = {
      $queryRawUnsafe: async (...call: unknown[]) => (calls.push(['query', ...call]), [{ n: 1 }]),
      $executeRawUnsafe: async (...call: unknown[]) => (calls.push(['execute', ...call]), 1),
    };
    const executor = fromPrisma(client, 'postgres');
    expect(await executor.executeSql('SELECT 1 AS n', [])).toEqual([{ n: 1 }]);
    expect(await executor.executeSql('DELETE FROM t WHERE a = $1', ['x'])).toEqual([]);
    expect(calls).toEqual([
      ['query', 'SELECT 1 AS n'],
      ['execute', 'DELETE FROM t WHERE a = $1', 'x'],
    ]);
  });

  it('reads the answers of mysql2, which come with their columns, or are no rows at all', async () => {
    const answers: unknown[] = [
      [[{ n: 1 }], ['columns']],
      [{ affectedRows: 1 }, undefined],
      [[], ['columns']],
    ];
    const executor = fromMysql2({ query: async () => answers.shift() });
    expect(await executor.executeSql('SELECT 1', [])).toEqual([{ n: 1 }]);
    await executor.executeSql('DELETE', []);
    expect(await executor.executeSql('SELECT 1', [])).toEqual([]);
  });

  it('gives Drizzle on sqlite what reads to `all` and what writes to `run`', async () => {
    const calls: string[] = [];
    const db = { all: () => (calls.push('all'), [{ n: 1 }]), run: () => (calls.push('run'), { changes: 1 }) };
    const executor = fromDrizzle(db, sql, 'sqlite');
    expect(await executor.executeSql('SELECT ?', [1])).toEqual([{ n: 1 }]);
    expect(await executor.executeSql('DELETE FROM t WHERE a = ?', [1])).toEqual([]);
    expect(calls).toEqual(['all', 'run']);
  });
});
