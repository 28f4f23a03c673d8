import { type ArgumentsHost, Catch } from '@nestjs/common';
import type { RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

/**
 * Lets errors of pattern handlers through as they are. Nest's own filter leaves "Internal server error" of every error
 * that is no RpcException; with this one in its place `Reject`, `RetryAfter` and `Release` work in such handlers, and
 * dead letters carry the real error.
 */
@Catch()
export class FailureFilter implements RpcExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => error);
  }
}
