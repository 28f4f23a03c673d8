import { parseDuration, type Duration } from './duration.js';

/**
 * What a handler can throw to decide for itself. Anything else that is thrown goes to the retry policy; returning
 * accepts the message.
 */
export abstract class Verdict extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Try again after `delay` instead of the policy's backoff, as when a server answers with Retry-After. Counts as an attempt. */
export class RetryAfter extends Verdict {
  readonly delayMs: number;

  constructor(
    delay: Duration,
    reason = 'the handler asked for a later attempt',
    options?: { cause?: unknown },
  ) {
    super(reason, options);
    this.delayMs = parseDuration('the delay of RetryAfter', delay);
  }
}

/** No attempt will ever succeed: to the dead letters at once. */
export class Reject extends Verdict {
  constructor(reason: string, options?: { cause?: unknown }) {
    super(reason, options);
  }
}

/** Give the message back for somebody else, without counting an attempt. */
export class Release extends Verdict {
  readonly delayMs: number;

  constructor(delay: Duration = 0) {
    super('the handler gave the message back');
    this.delayMs = parseDuration('the delay of Release', delay);
  }
}
