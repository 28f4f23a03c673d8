import type { ArgumentsHost } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import type { FilterEntry } from './enhancer.resolver.js';

/**
 * Nest's exception filters around a call. A filter that answers with anything but undefined has dealt with the error,
 * and the message counts as handled; one that throws replaces the error; one that returns nothing has only looked at
 * it. The answer of a promise or an Observable counts, so that `throwError(() => error)` fails the message.
 */
export class FilterRing {
  constructor(private readonly filters: readonly FilterEntry[]) {}

  /** What the filter that catches this error answers; throws when none does, or when it says so. */
  async catch(error: unknown, host: ArgumentsHost): Promise<unknown> {
    const filter = this.filters.find((entry) => catches(entry, error));
    const given: unknown = await filter?.func(error, host);
    const answer: unknown = isObservable(given)
      ? await lastValueFrom(given, { defaultValue: undefined })
      : given;
    if (answer === undefined) throw error;
    return answer;
  }
}

function catches({ exceptionMetatypes }: FilterEntry, error: unknown): boolean {
  return exceptionMetatypes.length === 0 || exceptionMetatypes.some((type) => error instanceof type);
}
