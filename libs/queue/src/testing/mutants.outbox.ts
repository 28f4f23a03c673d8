import type { SqlExecutor, SqlRow, SqlValue } from '../composed/outbox/sql-executor.js';
import type { AlterSql } from './fixture.js';
import type { Mutant } from './mutant.js';

type Run = SqlExecutor['executeSql'];

const sqlMutant = (name: string, breaks: string, alter: (rightly: Run) => Run): Mutant => {
  const alterSql: AlterSql = (executor) => ({
    ...executor,
    executeSql: alter(executor.executeSql.bind(executor)),
  });
  return { name, breaks, alterSql };
};

const isHead = (text: string): boolean => text.startsWith('SELECT seq');

/** Mistakes of outboxes and inboxes, made between them and the database. */
export const OUTBOX_MUTANTS: readonly Mutant[] = [
  sqlMutant(
    'deletes rows of the outbox before they are confirmed',
    'J5a',
    (rightly) => async (text, values) => {
      const rows = await rightly(text, values);
      if (isHead(text))
        for (const { seq } of rows) await rightly('DELETE FROM outbox WHERE seq = ?', [seq as SqlValue]);
      return rows;
    },
  ),
  sqlMutant('reads an outbox from where it was, and skips who commits late', 'J5b', (rightly) => {
    let last = 0;
    return async (text, values) => {
      const rows = await rightly(text, values);
      if (!isHead(text)) return rows;
      const later = rows.filter(({ seq }) => Number(seq) > last);
      last = Math.max(last, ...later.map(({ seq }) => Number(seq)));
      return later;
    };
  }),
  sqlMutant('believes that every relay has the lease of an outbox', 'J5', (rightly) => {
    let lease: SqlRow | undefined;
    return async (text, values) => {
      if (text.startsWith('UPDATE outbox_lease')) lease = { owner: values[0], beat: values[1] };
      return text.startsWith('SELECT owner') && lease !== undefined ? [lease] : rightly(text, values);
    };
  }),
  sqlMutant('knows what was handled by the id alone', 'J4', (rightly) => (text, values) => {
    const isInbox = text.includes(' inbox ') && typeof values[0] === 'string';
    return rightly(text, isInbox ? ['', ...values.slice(1)] : values);
  }),
];
