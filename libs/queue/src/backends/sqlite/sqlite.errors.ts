import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import { quote } from '../../message/names.js';
import { QueueError } from '../../message/queue-error.js';

/** Primary result codes of SQLite, https://sqlite.org/rescode.html. */
const BUSY = 5;
const FULL = 13;
/** Two processes met while one of them recovers the log: like BUSY, it passes. */
const PROTOCOL = 15;

const WHY: Readonly<Record<number, string>> = {
  [BUSY]: 'another process kept the database locked too long',
  8: 'the database cannot be written to: check the permissions of the file and its directory',
  10: 'the disk reported an error',
  11: 'the database file is damaged: restore it from a backup',
  [FULL]: 'the disk is full: free some space',
  [PROTOCOL]: 'another process kept the database locked too long',
  26: 'the file is not an SQLite database',
};

function resultCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** Somebody else holds the lock; nothing was done, and trying again later helps. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === PROTOCOL;
}

/** After a failed COMMIT: whether certainly nothing of it was stored. A full disk stops it before its last page. */
export function isCleanCommitFailure(error: unknown): boolean {
  return isBusy(error) || resultCode(error) === FULL;
}

/** Certainly not done. */
export function unavailable(backend: string, doing: string, error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  return new BackendUnavailableError(backend, doing, explain(error), { cause: error });
}

/** Done or not done: the disk failed in the middle of a commit. */
export function outcomeUnknown(backend: string, doing: string, error: unknown): QueueError {
  return new PublishOutcomeUnknownError(
    `backend ${quote(backend)} cannot tell whether it could ${doing}: the commit failed, ${explain(error)}`,
    { cause: error },
  );
}

function explain(error: unknown): string {
  const code = resultCode(error);
  const known = code === undefined ? undefined : WHY[code];
  return known ?? (error instanceof Error ? error.message : String(error));
}
