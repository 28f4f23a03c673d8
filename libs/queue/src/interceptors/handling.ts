import type { Body } from '../message/body.js';
import { copyOf, toBytes } from '../message/body.js';
import type { Delivery } from '../message/delivery.js';
import type { DomainEvent } from '../message/event.js';
import { applicationHeaders, type Headers } from '../message/headers.js';
import type { QueueError } from '../message/queue-error.js';
import type { MessageContext } from './message-context.js';
import type { Route } from './route.station.js';

/** `result` of a handling whose handler did not run, or did not return. */
export const NO_RESULT: unique symbol = Symbol('no result');

/** One run of one delivery through the stations: the delivery, what they found out so far, and its abort signal. */
export class Handling implements MessageContext {
  event: DomainEvent | undefined = undefined;
  /** Replaces `event.data` where validation returned something else. */
  data: unknown = undefined;
  /** What the handler returned, or what was kept of an earlier run of it: the answer, where somebody waits for one. */
  result: unknown = NO_RESULT;
  /** How many parts of a streamed answer were sent before the last one. */
  replies = 0;
  /** Which handler it is for, where a subscription has several. */
  route: Route | undefined = undefined;
  /** The handler has sent the last word itself. */
  isAnswered = false;
  /** Why the signal aborted, once it has. */
  abortReason: QueueError | undefined = undefined;
  /** An outcome was decided; a handler that ends later changes nothing. */
  finished = false;
  /** The broker was told already: no lease holds it, and nothing is settled at its end. */
  acknowledged = false;
  /** How many stations were entered, so that only those are left again. */
  entered = 0;
  /** Left by the idempotency station for its way back. */
  claim: { readonly key: string; readonly version: number } | undefined = undefined;
  /** Monotonic ms; Infinity: none. */
  deadlineAt = Infinity;
  /** Monotonic ms at which the lease ends unless it is renewed. */
  leaseEndsAt = 0;
  /** Monotonic ms at which the delivery was received. */
  readonly receivedAt: number;
  /** Neighbours in the list of held deliveries. */
  previous: Handling | undefined = undefined;
  following: Handling | undefined = undefined;

  #controller: AbortController | undefined;

  constructor(
    readonly delivery: Delivery,
    readonly backend: string,
    receivedAt: number,
  ) {
    this.receivedAt = receivedAt;
    this.leaseEndsAt = receivedAt + delivery.leaseMs;
  }

  /** Made when asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.abortReason !== undefined) this.#controller.abort(this.abortReason);
    }
    return this.#controller.signal;
  }

  /** The first reason stays. */
  abort(reason: QueueError): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    this.#controller?.abort(reason);
  }

  get id(): string {
    return this.delivery.id;
  }
  get topic(): string {
    return this.delivery.topic;
  }
  get subscription(): string {
    return this.delivery.subscription;
  }
  get key(): string | undefined {
    return this.delivery.key;
  }
  get headers(): Headers {
    return applicationHeaders(this.delivery.headers);
  }
  get body(): Body {
    return this.delivery.body;
  }
  get attempt(): number {
    return this.delivery.attempt;
  }
  get crashes(): number {
    return this.delivery.crashes;
  }
  get publishedAt(): number {
    return this.delivery.publishedAt;
  }

  /** A copy, so that a handler that changes it does not change what a retry or a dead letter carries. */
  copyOfBytes(): Uint8Array {
    return typeof this.body === 'string' ? toBytes(this.body) : copyOf(this.body);
  }
}
