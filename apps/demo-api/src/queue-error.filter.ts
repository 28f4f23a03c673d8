import { Catch, HttpStatus, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { QueueError } from '@pigeonpost/queue';
import { HttpAdapterHost } from '@nestjs/core';

const RETRY_AFTER_SECONDS = '5';

/** What an error of the queue means to an HTTP client. Anything else is our fault. */
const STATUS: Readonly<Record<string, HttpStatus>> = {
  unavailable: HttpStatus.SERVICE_UNAVAILABLE,
  closed: HttpStatus.SERVICE_UNAVAILABLE,
  // It may have been stored. Delivered again under the same id, it is still handled once.
  publish_outcome_unknown: HttpStatus.SERVICE_UNAVAILABLE,
  payload_too_large: HttpStatus.PAYLOAD_TOO_LARGE,
  serialize_error: HttpStatus.UNPROCESSABLE_ENTITY,
  no_such_dead_letter: HttpStatus.NOT_FOUND,
};

/** Answers in the shape of Nest's own errors. What the queue says about its insides goes to the log, not to the client. */
@Catch(QueueError)
export class QueueErrorFilter implements ExceptionFilter<QueueError> {
  readonly #logger = new Logger(QueueErrorFilter.name);

  constructor(private readonly http: HttpAdapterHost) {}

  catch(error: QueueError, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    const { httpAdapter } = this.http;
    const statusCode = STATUS[error.code] ?? HttpStatus.INTERNAL_SERVER_ERROR;
    if (statusCode >= 500) this.#logger.error(`${error.code}: ${error.message}`);
    if (statusCode === HttpStatus.SERVICE_UNAVAILABLE) {
      httpAdapter.setHeader(response, 'Retry-After', RETRY_AFTER_SECONDS);
    }
    const body = { statusCode, error: error.code, message: messageFor(error, statusCode) };
    httpAdapter.reply(response, body, statusCode);
  }
}

function messageFor(error: QueueError, statusCode: number): string {
  if (statusCode === HttpStatus.SERVICE_UNAVAILABLE) return 'the queue does not answer: try again later';
  return statusCode < 500 ? error.message : 'internal error';
}
