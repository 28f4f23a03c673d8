import { InvalidTransactionError } from '../../backend/backend.errors.js';
import type { Answer, Session, Statement, Value } from './postgres.session.js';

/** A client of `pg`, inside a transaction. */
interface ForeignClient {
  query(
    text: string,
    values: unknown[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** Whatever else runs statements in a transaction, as the executors of an outbox do. */
interface ForeignExecutor {
  readonly dialect: unknown;
  executeSql(text: string, values: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * The caller's own transaction, by a client of `pg` or an executor. Statements for it use each value once and in order,
 * and answer columns with names of their own, as text: drivers differ in the rest. Throws InvalidTransactionError.
 */
export function foreignSession(backend: string, tx: unknown): Session {
  const execute = executeOf(backend, tx);
  return {
    run: async ({ text }: Statement, values: readonly Value[]): Promise<Answer> => {
      const rows = await execute(text, values.map(asPlain));
      return { rows: rows.map((row) => Object.values(row).map(asText)), count: rows.length };
    },
    command: async (text) => void (await execute(text, [])),
  };
}

function executeOf(backend: string, tx: unknown): ForeignExecutor['executeSql'] {
  if (isExecutor(tx)) return (text, values) => tx.executeSql(text, values);
  if (isClient(tx)) return async (text, values) => (await tx.query(text, [...values])).rows;
  throw new InvalidTransactionError(
    backend,
    'is no client of `pg` and no executor of postgres',
    'give the client on which you called BEGIN, or what fromKysely and the like of @pigeonpost/queue/outbox make of your transaction',
  );
}

function isExecutor(given: unknown): given is ForeignExecutor {
  const { dialect, executeSql } = (given ?? {}) as Partial<ForeignExecutor>;
  return typeof executeSql === 'function' && dialect === 'postgres';
}

function isClient(given: unknown): given is ForeignClient {
  return typeof (given as Partial<ForeignClient> | null | undefined)?.query === 'function';
}

/** Bytes as PostgreSQL writes them: not every client takes a buffer. */
function asPlain(value: Value): string | number | null {
  return value instanceof Uint8Array
    ? `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
    : value;
}

function asText(column: unknown): string | null {
  if (column === null || column === undefined) return null;
  return typeof column === 'string' ? column : JSON.stringify(column);
}
