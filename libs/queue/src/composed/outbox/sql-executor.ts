import { type Clock, sleep } from '../../ambient/clock.js';

/** The SQL that a database understands. */
export type SqlDialect = 'sqlite' | 'postgres' | 'mysql';

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * The one thing that an outbox or inbox needs of a database: to run a statement. Made of whatever talks to it, a pool or an
 * open transaction, by the functions beside this or by three lines of one's own.
 */
export interface SqlExecutor {
  readonly dialect: SqlDialect;
  /** Runs one statement and answers its rows, if it has any. Values stand for `?`, on postgres for `$1`, `$2` … */
  executeSql(text: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** Whether a transaction is open on the connection. Absent where the client does not tell. */
  inTransaction?(): boolean;
}

export function isSqlExecutor(given: unknown): given is SqlExecutor {
  const { dialect, executeSql } = (given ?? {}) as Partial<SqlExecutor>;
  return typeof executeSql === 'function' && DIALECTS.has(dialect);
}

const DIALECTS: ReadonlySet<unknown> = new Set<SqlDialect>(['sqlite', 'postgres', 'mysql']);

/** `text` is written with `?`, each used once and in order. */
export function inDialect(dialect: SqlDialect, text: string): string {
  if (dialect !== 'postgres') return text;
  let count = 0;
  return text.replace(/\?/g, () => `$${++count}`);
}

/** Whether a statement answers rows: for clients that want to be told. */
export function answersRows(text: string): boolean {
  return /^\s*select\b/i.test(text);
}

const PAUSE_MS = 5;

/**
 * Statements that wait while the application has a transaction open on the same connection: they must neither see what it
 * has not committed nor be undone with it. For clients that do not tell, the caller gives another connection.
 */
export function outsideTransactions(executor: SqlExecutor, clock: Clock): SqlExecutor {
  const { dialect } = executor;
  if (executor.inTransaction === undefined) return executor;
  return {
    dialect,
    executeSql: async (text, values) => {
      while (executor.inTransaction?.() === true) await sleep(clock, PAUSE_MS);
      return executor.executeSql(text, values);
    },
  };
}
