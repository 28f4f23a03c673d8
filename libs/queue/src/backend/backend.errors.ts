import { QueueError } from '../message/queue-error.js';
import { quote } from '../message/names.js';

/** Nobody would get the message: no subscription listens to the topic. */
export class UnroutableError extends QueueError {
  readonly code = 'unroutable';

  /** `to`: the subscription that it was for, or the place of somebody else that the topic lies on. */
  constructor(backend: string, topic: string, to?: string | { readonly place: string }) {
    super(typeof to === 'string' ? nobodyCalled(to, backend) : nobodyFor(topic, backend, to?.place));
  }
}

function nobodyCalled(subscription: string, backend: string): string {
  return `subscription ${quote(subscription)} does not exist on backend ${quote(backend)}`;
}

function nobodyFor(topic: string, backend: string, place: string | undefined): string {
  const [what, where] = [`topic ${quote(topic)}`, `backend ${quote(backend)}`];
  return place === undefined
    ? `${what} has no subscription on ${where}, so the message would be lost: start a consumer of it once, or declare the subscription in the module's topology`
    : `${what} on ${where} is ${place}, and no queue there takes the message, so it would be lost: its owner has to bind one`;
}

export class PayloadTooLargeError extends QueueError {
  readonly code = 'payload_too_large';

  constructor(backend: string, bytes: number, maxBytes: number) {
    super(
      `the message takes ${bytes} bytes, backend ${quote(backend)} takes at most ${maxBytes}: send a reference to the data instead`,
    );
  }
}

/** A subscription with bounds has no room. The message is stored nowhere: trying again later is safe. */
export class SubscriptionFullError extends QueueError {
  readonly code = 'subscription_full';
  readonly subscription: string;
  /** How long a publisher should wait for room; undefined: not at all. */
  readonly blockMs: number | undefined;

  constructor(
    backend: string,
    full: {
      readonly subscription: string;
      readonly maxMessages: number;
      readonly blockMs?: number | undefined;
    },
  ) {
    super(
      `subscription ${quote(full.subscription)} on backend ${quote(backend)} holds ${full.maxMessages} messages, as many as its bounds allow: publish again later, or give it more consumers or wider bounds`,
    );
    this.subscription = full.subscription;
    this.blockMs = full.blockMs;
  }
}

/** A publisher waited for room, and there was none in time. The message is stored nowhere. */
export class PublishTimeoutError extends QueueError {
  readonly code = 'publish_timeout';

  constructor(topic: string, waitedMs: number, options: { cause: SubscriptionFullError }) {
    super(
      `the message for topic ${quote(topic)} waited ${waitedMs} ms for room, and is not stored: ${options.cause.message}`,
      options,
    );
  }
}

/** The backend was closed, or is closing. */
export class BackendClosedError extends QueueError {
  readonly code = 'closed';

  constructor(backend: string, doing: string) {
    super(`backend ${quote(backend)} is closed: cannot ${doing}`);
  }
}

/** The broker did not do it, and certainly did not do half of it. Trying again is safe. */
export class BackendUnavailableError extends QueueError {
  readonly code = 'unavailable';

  constructor(backend: string, doing: string, why: string, options?: { cause?: unknown }) {
    super(`backend ${quote(backend)} could not ${doing}: ${why}`, options);
  }
}

/** No answer in time: the message may have been stored. Publishing it again with the same id is safe for idempotent consumers. */
export class PublishOutcomeUnknownError extends QueueError {
  readonly code = 'publish_outcome_unknown';
  readonly mayHaveBeenStored = true;
}

/** The backend cannot do what was asked, by its capabilities. */
export class UnsupportedError extends QueueError {
  readonly code = 'unsupported';

  constructor(backend: string, what: string, remedy: string) {
    super(`backend ${quote(backend)} cannot ${what}: ${remedy}`);
  }
}

export class UnknownSubscriptionError extends QueueError {
  readonly code = 'unknown_subscription';

  constructor(backend: string, subscription: string) {
    super(
      `subscription ${quote(subscription)} does not exist on backend ${quote(backend)}: ensure the topology before opening it`,
    );
  }
}

/** What was given as `tx` is no transaction that the backend can join. */
export class InvalidTransactionError extends QueueError {
  readonly code = 'invalid_transaction';

  constructor(backend: string, why: string, remedy: string) {
    super(`backend ${quote(backend)} cannot join the given transaction: it ${why}; ${remedy}`);
  }
}

/** A consumer wants an order by key of a subscription that was never given one: messages would overtake each other unseen. */
export class UnorderedSubscriptionError extends QueueError {
  readonly code = 'unordered_subscription';

  constructor(backend: string, subscription: string) {
    super(
      `subscription ${quote(subscription)} has no order by key on backend ${quote(backend)}: ensure the topology with its order before opening it, as ensure: 'create' does`,
    );
  }
}

/** The package that talks to the broker is not installed. */
export class MissingDriverError extends QueueError {
  readonly code = 'missing_driver';

  constructor(packageName: string, options?: { cause?: unknown }) {
    super(
      `the package "${packageName}" is needed by the selected backend but is not installed. Run: npm install ${packageName}`,
      options,
    );
  }
}
