import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import { BackendClosedError, BackendUnavailableError } from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import { type PublishFlight, PublishFlights } from './publish-flights.js';
import type { Receipt } from './publish-options.js';
import { type Pressed, type WaitingPublish, WaitingReceipt, WaitingResult } from './waiting-publish.js';

export interface BatcherOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  /** A publish without an answer after this long ends: as unknown when it was sent, as refused when it still waited. */
  readonly timeoutMs: number;
  /**
   * Messages that may wait for the backend; more are refused at once. Where calls overlap, those under way are among
   * them: the backend has them, and keeps those that it cannot send yet.
   */
  readonly maxPending: number;
  /** Decides what becomes of a message that met the bounds of a subscription. Default: what the backend answered. */
  readonly pressed?: Pressed;
}

/** `then` of a settled promise is the cheapest way to the end of the turn. */
const NOW = Promise.resolve();

/**
 * Joins the publishes of one turn into one call. Where a call is a round trip, those that come while it is under way go
 * with the next one; a backend that confirms messages one by one has the next call at once. There is no timer, so a
 * publish that comes alone leaves alone, at once.
 */
export class PublishBatcher {
  #pending: WaitingPublish[] = [];
  readonly #flights: PublishFlights;
  /** The call that the next one has to wait for. */
  #roundTrip: PublishFlight | undefined;
  #scheduled = false;
  #closing: Promise<void> | undefined;
  #watchdog: CancelTimer | undefined;
  #idle: (() => void) | undefined;

  constructor(private readonly options: BatcherOptions) {
    const { backend, timeoutMs } = options;
    this.#flights = new PublishFlights({ name: backend.name, timeoutMs, landed: () => this.#next() });
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Rejects with the QueueError that says whether it was refused or is unknown. */
  add(message: Outgoing): Promise<Receipt> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const waiting = new WaitingReceipt(message, this.options.pressed);
    this.#enter(waiting);
    return new Promise((resolve, reject) => {
      waiting.resolve = resolve;
      waiting.reject = reject;
    });
  }

  /** The same without a decision about bounds, and with the result as the backend gave it. Never rejects. */
  ask(message: Outgoing): Promise<PublishResult> {
    const error = this.#refusal();
    if (error !== undefined) return Promise.resolve({ status: 'refused', error });
    const waiting = new WaitingResult(message);
    this.#enter(waiting);
    return new Promise((resolve) => (waiting.resolve = resolve));
  }

  #refusal(): QueueError | undefined {
    const { backend, maxPending } = this.options;
    if (this.closed) return new BackendClosedError(backend.name, 'publish');
    const underWay = this.#roundTrip === undefined ? this.#flights.unanswered : 0;
    return this.#pending.length + underWay >= maxPending ? this.#full() : undefined;
  }

  #enter(waiting: WaitingPublish): void {
    this.#pending.push(waiting);
    if (this.#scheduled) return;
    if (this.#hasToWait) waiting.since = this.options.clock.mono();
    else this.#schedule();
  }

  /** Sends what waits and resolves when all of it has its result; later publishes are refused. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending.length > 0 || !this.#flights.isEmpty) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
    this.#watchdog?.();
  }

  /** A call that is a round trip waits for all others, and all others wait for it. */
  get #hasToWait(): boolean {
    if (this.#roundTrip !== undefined) return true;
    return !this.#flights.isEmpty && this.options.backend.publishEach === undefined;
  }

  #schedule(): void {
    this.#scheduled = true;
    void NOW.then(this.#send);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    const { backend, clock, timeoutMs } = this.options;
    const now = clock.mono();
    while (this.#pending.length > 0 && !this.#hasToWait)
      this.#publish(this.#pending.splice(0, backend.capabilities.batch.publish), now);
    // What was left behind by a full call waits since now.
    for (let at = this.#pending.length - 1; at >= 0 && this.#pending[at]?.since === undefined; at--)
      (this.#pending[at] as WaitingPublish).since = now;
    if (!this.#flights.isEmpty) this.#watchdog ??= clock.timer(timeoutMs, this.#watch);
  };

  #publish(batch: WaitingPublish[], now: number): void {
    const { backend } = this.options;
    const messages = batch.map(({ message }) => message);
    const flight = this.#flights.begin(batch, now);
    if (backend.publishEach === undefined) return void this.#fly(flight, messages);
    try {
      backend.publishEach(messages, flight);
    } catch (error) {
      flight.failed(error);
    }
  }

  /** What a backend throws, also on the spot, is the answer to all. */
  async #fly(flight: PublishFlight, messages: readonly Outgoing[]): Promise<void> {
    this.#roundTrip = flight;
    try {
      flight.answeredAll(await this.options.backend.publish(messages));
    } catch (error) {
      flight.failed(error);
    }
  }

  #next(): void {
    if (this.#roundTrip?.isOver === true) this.#roundTrip = undefined;
    if (this.#pending.length > 0) {
      if (!this.#scheduled) this.#schedule();
    } else if (this.#flights.isEmpty) this.#idle?.();
  }

  /** One timer for all: it ends what is late, and goes to sleep when nothing is under way. */
  readonly #watch = (): void => {
    this.#watchdog = undefined;
    const { clock, timeoutMs } = this.options;
    if (this.#flights.isEmpty) return;
    const now = clock.mono();
    this.#refuseLate(now);
    this.#flights.giveUpLate(now);
    const since = this.#flights.oldestSince ?? this.#pending[0]?.since;
    if (since !== undefined) this.#watchdog = clock.timer(Math.max(0, since + timeoutMs - now), this.#watch);
  };

  /** What was not sent is certainly not stored. */
  #refuseLate(now: number): void {
    const { backend, timeoutMs } = this.options;
    const inTime = this.#pending.findIndex(({ since = now }) => now < since + timeoutMs);
    for (const waiting of this.#pending.splice(0, inTime === -1 ? this.#pending.length : inTime)) {
      const why = `others were under way for ${timeoutMs} ms, and it was not sent`;
      waiting.end({ status: 'refused', error: new BackendUnavailableError(backend.name, 'publish', why) });
    }
  }

  #full(): QueueError {
    const { backend, maxPending } = this.options;
    return new BackendUnavailableError(backend.name, 'publish', `${maxPending} messages are waiting already`);
  }
}
