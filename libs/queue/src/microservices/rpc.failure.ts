import { QueueError } from '../message/queue-error.js';
import type { ReplyFailure } from '../message/reply.js';

/** A handler of a pattern failed, and Nest's filters left no more of its error than this. */
export class PatternFailedError extends QueueError {
  readonly code = 'pattern_failed';

  constructor(handler: string, left: unknown) {
    super(`${handler} failed: ${textOf(left)}`);
  }
}

/** `code` of a failure that carries what an RpcException was made of. */
const RPC_EXCEPTION = 'rpc_exception';
const STATUS = 'error';
/** What Nest tells of an error that is no RpcException. */
const UNKNOWN = 'Internal server error';

/** What a handler answered by throwing an RpcException. undefined: it failed, and the error says nothing to anyone else. */
export function answerIn(error: unknown): { readonly err: unknown } | undefined {
  if (hasGetError(error)) return { err: asSent(error.getError()) };
  if (error instanceof Error || isUnknown(error)) return undefined;
  return { err: error };
}

export function failureOf({ err }: { readonly err: unknown }): ReplyFailure {
  return { reason: 'rejected', code: RPC_EXCEPTION, details: err };
}

/** What a client of Nest gets as the error. */
export function errOf({ code, message, details }: ReplyFailure): unknown {
  if (code === RPC_EXCEPTION) return details;
  return { status: STATUS, message: message ?? UNKNOWN };
}

/** As Nest's own filter does. */
function asSent(err: unknown): unknown {
  return typeof err === 'object' && err !== null ? err : { status: STATUS, message: err };
}

function isUnknown(error: unknown): boolean {
  const { status, message } = (error ?? {}) as { readonly status?: unknown; readonly message?: unknown };
  return error === undefined || error === null || (status === STATUS && message === UNKNOWN);
}

/** An RpcException, whichever copy of the package made it. */
function hasGetError(error: unknown): error is { getError(): unknown } {
  return error instanceof Error && typeof (error as Partial<{ getError: unknown }>).getError === 'function';
}

function textOf(left: unknown): string {
  const { message } = (left ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : `it threw a value of type ${typeof left}`;
}
