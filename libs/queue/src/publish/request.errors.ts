import { quote } from '../message/names.js';
import { QueueError } from '../message/queue-error.js';
import type { ReplyFailure } from '../message/reply.js';

/** No answer came in time. The handler may have run, may still run, or may never run. */
export class RequestTimeoutError extends QueueError {
  readonly code = 'request_timeout';
  readonly mayHaveBeenHandled = true;

  constructor(topic: string, timeoutMs: number, options?: { cause?: unknown }) {
    super(
      `no reply to the request to ${quote(topic)} came within ${timeoutMs} ms: it may have been handled all the same`,
      options,
    );
  }
}

/** The handler gave the request up; its message is a dead letter there. */
export class RequestFailedError extends QueueError {
  readonly code = 'request_failed';
  readonly reason: ReplyFailure['reason'];
  /** `code` of the handler's error, where it has one. */
  readonly handlerCode: string | undefined;
  /** Issues of a payload that the handler refused. */
  readonly details: unknown;

  constructor(topic: string, { reason, code, message, details }: ReplyFailure) {
    super(`the request to ${quote(topic)} failed at its handler (${reason})${message ? `: ${message}` : ''}`);
    this.reason = reason;
    this.handlerCode = code;
    this.details = details;
  }
}
