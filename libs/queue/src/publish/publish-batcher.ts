import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  PublishOutcomeUnknownError,
} from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import { QueueError } from '../message/queue-error.js';
import type { Receipt } from './publish-options.js';
import { type Pressed, type WaitingPublish, WaitingReceipt, WaitingResult } from './waiting-publish.js';

export interface BatcherOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  /** A publish without an answer after this long ends: as unknown when it was sent, as refused when it still waited. */
  readonly timeoutMs: number;
  /** Messages that may wait for the backend; more are refused at once. */
  readonly maxPending: number;
  /** Decides what becomes of a message that met the bounds of a subscription. Default: what the backend answered. */
  readonly pressed?: Pressed;
}

/** `then` of a settled promise is the cheapest way to the end of the turn. */
const NOW = Promise.resolve();

/**
 * Joins the publishes of one turn into one call, and those that come while a call is under way into the next one.
 * There is no timer, so a publish that comes alone leaves alone, at once.
 */
export class PublishBatcher {
  #pending: WaitingPublish[] = [];
  #inFlight: readonly WaitingPublish[] | undefined;
  /** How many of those have ended already, the first ones: their time was over. */
  #ended = 0;
  #sentAt = 0;
  #scheduled = false;
  #closing: Promise<void> | undefined;
  #watchdog: CancelTimer | undefined;
  #idle: (() => void) | undefined;

  constructor(private readonly options: BatcherOptions) {}

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
    return this.#pending.length >= maxPending ? this.#full() : undefined;
  }

  #enter(waiting: WaitingPublish): void {
    this.#pending.push(waiting);
    if (this.#inFlight !== undefined) waiting.since = this.options.clock.mono();
    else if (!this.#scheduled) this.#schedule();
  }

  /** Sends what waits and resolves when all of it has its result; later publishes are refused. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending.length > 0 || this.#inFlight !== undefined) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
    this.#watchdog?.();
  }

  #schedule(): void {
    this.#scheduled = true;
    void NOW.then(this.#send);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    const { backend, clock } = this.options;
    const batch = this.#pending.splice(0, backend.capabilities.batch.publish);
    this.#inFlight = batch;
    this.#ended = 0;
    this.#sentAt = clock.mono();
    this.#watchdog ??= clock.timer(this.options.timeoutMs, this.#watch);
    this.#publish(batch).then(
      (results) => this.#done(batch, results),
      (error: unknown) => this.#failed(batch, this.#asQueueError(error)),
    );
  };

  /** Also what a backend throws on the spot becomes a rejection. */
  async #publish(batch: readonly WaitingPublish[]): Promise<readonly PublishResult[]> {
    return this.options.backend.publish(batch.map((waiting) => waiting.message));
  }

  #failed(batch: readonly WaitingPublish[], error: QueueError): void {
    this.#done(
      batch,
      batch.map(() => ({ status: 'unknown', error })),
    );
  }

  #asQueueError(cause: unknown): QueueError {
    return cause instanceof QueueError ? cause : this.#unknown('failed in an unexpected way', { cause });
  }

  #unknown(what: string, options?: { cause: unknown }): PublishOutcomeUnknownError {
    return new PublishOutcomeUnknownError(
      `backend "${this.options.backend.name}" ${what}: the message may or may not be stored`,
      options,
    );
  }

  #done(batch: readonly WaitingPublish[], results: readonly PublishResult[]): void {
    if (this.#inFlight !== batch) return; // given up before
    this.#inFlight = undefined;
    for (let at = this.#ended; at < batch.length; at++) {
      const result = results[at] ?? { status: 'unknown', error: this.#unknown('gave no answer') };
      (batch[at] as WaitingPublish).end(result);
    }
    this.#next();
  }

  #next(): void {
    if (this.#pending.length > 0) this.#schedule();
    else this.#idle?.();
  }

  /** One timer for all: it ends what is late, and goes to sleep when nothing is under way. */
  readonly #watch = (): void => {
    this.#watchdog = undefined;
    const { clock, timeoutMs } = this.options;
    if (this.#inFlight === undefined) return;
    const now = clock.mono();
    this.#refuseLate(now);
    this.#giveUpLate(this.#inFlight, now);
    const first = this.#inFlight?.[this.#ended] ?? this.#pending[0];
    if (first !== undefined) {
      this.#watchdog = clock.timer(Math.max(0, this.#sinceOf(first) + timeoutMs - now), this.#watch);
    }
  };

  /** Since when somebody waits for it. Those behind it wait since later. */
  #sinceOf({ since = this.#sentAt }: WaitingPublish): number {
    return since;
  }

  #isLate(waiting: WaitingPublish, now: number): boolean {
    return now >= this.#sinceOf(waiting) + this.options.timeoutMs;
  }

  /** What was not sent is certainly not stored. */
  #refuseLate(now: number): void {
    const { backend, timeoutMs } = this.options;
    const inTime = this.#pending.findIndex((waiting) => !this.#isLate(waiting, now));
    for (const waiting of this.#pending.splice(0, inTime === -1 ? this.#pending.length : inTime)) {
      const why = `others were under way for ${timeoutMs} ms, and it was not sent`;
      waiting.end({ status: 'refused', error: new BackendUnavailableError(backend.name, 'publish', why) });
    }
  }

  #giveUpLate(batch: readonly WaitingPublish[], now: number): void {
    for (; this.#ended < batch.length; this.#ended++) {
      const waiting = batch[this.#ended] as WaitingPublish;
      if (!this.#isLate(waiting, now)) return;
      const error = this.#unknown(`did not confirm within ${this.options.timeoutMs} ms`);
      waiting.end({ status: 'unknown', error });
    }
    this.#inFlight = undefined;
    this.#next();
  }

  #full(): QueueError {
    const { backend, maxPending } = this.options;
    return new BackendUnavailableError(backend.name, 'publish', `${maxPending} messages are waiting already`);
  }
}
