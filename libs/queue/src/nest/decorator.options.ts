import type { ConsumeOptions } from '../decorators/consume.decorator.js';
import type { DeadLetterOptions } from '../decorators/dead-letter.decorator.js';
import type { HandlerMetadata } from '../decorators/handler-metadata.js';
import type { IdempotentOptions } from '../decorators/idempotent.decorator.js';
import type { RetryOptions } from '../decorators/retry.decorator.js';
import { quote } from '../message/names.js';
import { InvalidHandlerError } from './nest.errors.js';

/** Every option of a decorator: one that is missing here does not compile. */
type Known<Options> = Readonly<Record<keyof Options, true>>;

const CONSUME: Known<ConsumeOptions> = {
  backend: true,
  subscription: true,
  type: true,
  headers: true,
  otherwise: true,
  delivery: true,
  locality: true,
  batch: true,
  concurrency: true,
  prefetch: true,
  lease: true,
  maxLease: true,
  timeout: true,
  abortGrace: true,
  rate: true,
  circuit: true,
  single: true,
  order: true,
  raw: true,
  schemaVersion: true,
  payload: true,
  interceptors: true,
  enhancers: true,
  bounds: true,
  start: true,
  accept: true,
};
const RETRY: Known<RetryOptions> = { attempts: true, backoff: true, never: true, only: true };
const IDEMPOTENT: Known<IdempotentOptions> = { ttl: true, key: true, busyDelay: true, result: true };
const DEAD_LETTER: Known<DeadLetterOptions> = { maxCrashes: true, keep: true };

/** Refuses options that no decorator has: misspelt, they would do nothing. Throws InvalidHandlerError. */
export function checkOptionNames(handler: string, metadata: HandlerMetadata): void {
  const { consume, retry, idempotent, deadLetter } = metadata;
  for (const { options } of consume) checkNames(handler, '@Consume', { given: options, known: CONSUME });
  checkNames(handler, '@Retry', { given: retry, known: RETRY });
  checkNames(handler, '@Idempotent', { given: idempotent, known: IDEMPOTENT });
  checkNames(handler, '@DeadLetter', { given: deadLetter, known: DEAD_LETTER });
}

function checkNames(
  handler: string,
  decorator: string,
  { given = {}, known }: { readonly given: object | undefined; readonly known: object },
): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const names = Object.keys(known).join(', ');
  throw new InvalidHandlerError(handler, `${decorator} has no option ${quote(unknown)}, only ${names}`);
}
