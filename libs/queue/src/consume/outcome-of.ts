import { failed, type Outcome } from '../message/outcome.js';
import { InvalidPayloadError } from '../interceptors/handling.errors.js';
import { Reject, Release } from '../policies/verdicts.js';

/** What a handler said by throwing. Never throws, although a proxy can throw when it is asked what it is. */
export function outcomeOfThrown(error: unknown): Outcome {
  try {
    return verdictOf(error);
  } catch {
    return failed('the handler threw a value that cannot be looked at');
  }
}

function verdictOf(error: unknown): Outcome {
  if (error instanceof Release) return { kind: 'release', delayMs: error.delayMs };
  if (error instanceof Reject) return failed(error, 'rejected', true);
  if (error instanceof InvalidPayloadError) return failed(error, 'invalid_payload', true);
  return failed(error);
}
