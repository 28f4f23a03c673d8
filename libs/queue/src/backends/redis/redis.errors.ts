import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import type { Redact } from '../../backend/redactor.js';
import { quote } from '../../message/names.js';
import type { QueueError } from '../../message/queue-error.js';

/** First words of answers of a server that is another one than it was: a new connection may find the right one. */
const WRONG_SERVER = ['READONLY', 'MASTERDOWN', 'LOADING', 'MOVED', 'CLUSTERDOWN'];

const REMEDIES: Readonly<Record<string, string>> = {
  OOM: 'its memory is full: raise maxmemory, or let consumers catch up',
  READONLY: 'it is a replica now: point the URL to the primary',
  LOADING: 'it is still loading its data, and goes on by itself when it has',
  MASTERDOWN: 'it has lost its primary',
  BUSY: 'a script has kept it busy for too long: SCRIPT KILL ends one that has written nothing, and FUNCTION KILL a function',
  MISCONF:
    'it cannot save to its disk, and so takes no writes: see its log and free the disk; it goes on by itself when a save works',
  NOREPLICAS: 'it has fewer replicas than min-replicas-to-write asks for',
  NOPERM: 'the user lacks a permission: see docs/backends/redis.md',
  NOAUTH: 'it wants a password: give one in the URL',
  WRONGPASS: 'it does not accept the user or the password',
  ASK: 'the keys are on their way to another node of the cluster',
  TRYAGAIN: 'the keys are on their way to another node of the cluster',
  CLUSTERDOWN: 'its cluster has nobody for some of the keys, or no majority',
  MOVED: 'it is a node of a cluster, and another one has the keys',
};

/** Makes errors that can be shown: those of the driver carry the command with its arguments, passwords and payloads included. */
export class RedisErrors {
  constructor(
    private readonly backend: string,
    private readonly redact: Redact,
  ) {}

  /** Certainly not done. */
  notDone(doing: string, why: string): BackendUnavailableError {
    return new BackendUnavailableError(this.backend, doing, this.redact(why));
  }

  /** Done or not done: it was sent, and no answer came. */
  unknown(doing: string, why: string): QueueError {
    return new PublishOutcomeUnknownError(
      `backend ${quote(this.backend)} cannot tell whether it could ${doing}: ${this.redact(why)}`,
    );
  }

  /** Of what the server answered, which means that it did nothing. */
  refused(doing: string, error: Error): BackendUnavailableError {
    return this.notDone(doing, `Redis answered ${this.explain(error)}`);
  }

  /** The server has nothing of ours any more. */
  everythingGone(): BackendUnavailableError {
    const why = 'the server has lost its data, and with it all messages that were there';
    return this.notDone('keep its messages', `${why}: see that it persists them, and who may delete them`);
  }

  /** Why a server that loads its data cannot be used yet. */
  loading(): string {
    return `LOADING: ${REMEDIES['LOADING']}`;
  }

  explain(error: Error): string {
    const text = this.redact(error.message).slice(0, 200);
    const remedy = REMEDIES[codeOf(error)];
    return remedy === undefined ? text : `${codeOf(error)}: ${remedy}`;
  }
}

const KNOWN = new RegExp(`\\b(NOSCRIPT|${[...WRONG_SERVER, ...Object.keys(REMEDIES)].join('|')})\\b`);

/** What an answer begins with, such as NOSCRIPT; older servers put it behind the place in the script. */
export function codeOf({ message }: Error): string {
  return (KNOWN.exec(message) ?? /^([A-Z]+)/.exec(message))?.[1] ?? '';
}

/** Whether the server itself has answered so. */
export function isAnswer(error: Error): boolean {
  return error.name === 'ReplyError';
}

export function isFromWrongServer(error: Error): boolean {
  return WRONG_SERVER.includes(codeOf(error));
}
