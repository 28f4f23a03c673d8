import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import type { Redact } from '../../backend/redactor.js';
import { quote } from '../../message/names.js';
import { QueueError } from '../../message/queue-error.js';

/** The server cannot be used as it is: wrong address, wrong password, wrong version, no permission. */
export class PostgresOpenError extends QueueError {
  readonly code = 'postgres_open';

  constructor(backend: string, problem: string, remedy: string) {
    super(`backend ${quote(backend)} cannot use its PostgreSQL server: ${problem}; ${remedy}`);
  }
}

/** A connection ended, or could not be made. What it was doing is told by another error. */
export class PostgresConnectionError extends QueueError {
  readonly code = 'postgres_connection';
}

/** The tables are missing, or those of another release. */
export class PostgresSchemaError extends QueueError {
  readonly code = 'postgres_schema';

  constructor(backend: string, schema: string, problem: string, remedy = migrationRemedy(schema)) {
    super(`backend ${quote(backend)}, schema ${quote(schema)}: ${problem}: ${remedy}`);
  }
}

function migrationRemedy(schema: string): string {
  return `start once with ensure: 'create', or run what npx pigeonpost-postgres --sql --schema ${schema} prints`;
}

const REMEDIES: Readonly<Record<string, string>> = {
  '28P01': 'check user and password',
  '28000': 'check the user, and pg_hba.conf of the server',
  '3D000': 'create the database, or name another one',
  '53300': 'give the server more max_connections, or this backend a smaller poolSize',
  '57P03': 'wait until the server has started',
  '42501': 'grant the user CREATE on the database, or have the schema made by somebody who may',
  ECONNREFUSED: 'check host and port, and that the server runs',
  ENOTFOUND: 'check the host',
  EAI_AGAIN: 'check the host, and the name service',
  ETIMEDOUT: 'check host and port, and the network between',
  ENOENT: 'check the path of the socket',
};
const OTHER_REMEDY = 'check the url, and whether the server wants TLS';

/** What `pg` throws, read without trust: its errors can carry values, and its messages addresses and passwords. */
export function openError(backend: string, error: unknown, redact: Redact): QueueError {
  if (error instanceof QueueError) return error;
  return new PostgresOpenError(
    backend,
    explain(error, redact),
    REMEDIES[codeOf(error) ?? ''] ?? OTHER_REMEDY,
  );
}

/** Certainly not done. */
export function unavailable(backend: string, doing: string, error: unknown, redact: Redact): QueueError {
  if (error instanceof QueueError) return error;
  return new BackendUnavailableError(backend, doing, explain(error, redact));
}

/** Done or not done: the connection was lost before the answer. */
export function outcomeUnknown(backend: string, doing: string, error: unknown, redact: Redact): QueueError {
  return new PublishOutcomeUnknownError(
    `backend ${quote(backend)} cannot tell whether it could ${doing}: ${explain(error, redact)}`,
  );
}

/** Whether the server has said no, so that its transaction is undone. What ends the whole session proves nothing. */
export function isRefusal(error: unknown): boolean {
  return (error as { severity?: unknown } | null)?.severity === 'ERROR' && codeOf(error) !== undefined;
}

/** Nothing was done, and the same again may work: a deadlock, or a conflict of serializable transactions. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return isRefusal(error) && (code === '40001' || code === '40P01');
}

/** A table, function or schema that is not there. */
export function isMissingSchema(error: unknown): boolean {
  const code = codeOf(error);
  return code === '42P01' || code === '42883' || code === '3F000' || code === '42703';
}

export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The first line only, without what the server adds of values. An AggregateError of several addresses has no message. */
export function explain(error: unknown, redact: Redact): string {
  const code = codeOf(error);
  const [first] = (error instanceof AggregateError ? (error.errors as unknown[]) : []) ?? [];
  const message = messageOf(error) || messageOf(first) || 'no answer';
  return redact(code === undefined || message.includes(code) ? message : `${message} (${code})`);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return error.message.split('\n', 1)[0] ?? '';
}
