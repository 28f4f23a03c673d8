/** Why an attempt came to nothing. */
export type FailureReason =
  | 'handler_error'
  | 'rejected'
  | 'timeout'
  | 'crash'
  | 'decode_error'
  | 'invalid_payload'
  | 'not_an_event'
  | 'bad_signature'
  | 'bad_compression'
  | 'bad_encryption'
  | 'missing_blob'
  | 'wrong_blob'
  | 'unknown_version'
  | 'upcast_error'
  | 'no_handler'
  | 'conflict';

/** An error as plain data: cut to size, safe to store and to show. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  /** What a validator found, or other JSON the error carried. */
  readonly details?: unknown;
}

/** One failed attempt. A dead letter carries those of its last attempts, oldest first. */
export interface FailureRecord {
  /** 1-based. */
  readonly attempt: number;
  /** Wall clock, ms since the epoch. */
  readonly at: number;
  readonly reason: FailureReason;
  readonly error: ErrorInfo;
  /** `Class.method` of the handler. */
  readonly handler: string;
  /** `hostname:pid` of the process that tried. */
  readonly host: string;
}

/** Backends keep this many records of a message, the newest ones. */
export const MAX_FAILURE_HISTORY = 10;
