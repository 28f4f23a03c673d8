import type { PublishAnswers, PublishResult } from '../backend/backend.js';
import { PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import { QueueError } from '../message/queue-error.js';
import type { WaitingPublish } from './waiting-publish.js';

export interface FlightsOptions {
  /** Of the backend, for errors. */
  readonly name: string;
  readonly timeoutMs: number;
  /** A call is over: each of its messages has its result. */
  readonly landed: () => void;
}

/** The calls of a backend that are under way, in the order in which they began. */
export class PublishFlights {
  readonly #all = new Set<PublishFlight>();
  #unanswered = 0;

  constructor(private readonly options: FlightsOptions) {}

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** Messages under way, in all calls together. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Takes `batch` over. `sentAt`: monotonic ms. */
  begin(batch: WaitingPublish[], sentAt: number): PublishFlight {
    const flight = new PublishFlight(batch, sentAt, this);
    this.#unanswered += batch.length;
    this.#all.add(flight);
    return flight;
  }

  /** Ends what is late, as unknown. Calls begin in order, and so do their times. */
  giveUpLate(now: number): void {
    const { timeoutMs } = this.options;
    for (const flight of this.#all) if (!flight.giveUpSince(now - timeoutMs)) return;
  }

  /** Monotonic ms since when the one is waited for that is to end next; undefined: none is under way. */
  get oldestSince(): number | undefined {
    for (const flight of this.#all) return flight.oldestSince;
    return undefined;
  }

  answered(flight: PublishFlight): void {
    this.#unanswered--;
    if (!flight.isOver) return;
    this.#all.delete(flight);
    this.options.landed();
  }

  unknown(what: string, options?: { readonly cause: unknown }): PublishResult {
    const sentence = `backend "${this.options.name}" ${what}: the message may or may not be stored`;
    return { status: 'unknown', error: new PublishOutcomeUnknownError(sentence, options) };
  }

  late(): PublishResult {
    return this.unknown(`did not confirm within ${this.options.timeoutMs} ms`);
  }
}

/** One call that is under way. Each message ends once, by its first answer; later ones say nothing new. */
export class PublishFlight implements PublishAnswers {
  readonly #waiting: (WaitingPublish | undefined)[];
  #left: number;
  /** Place of the first one without an answer, or before that. */
  #first = 0;

  constructor(
    batch: WaitingPublish[],
    private readonly sentAt: number,
    private readonly flights: PublishFlights,
  ) {
    this.#waiting = batch;
    this.#left = batch.length;
  }

  get isOver(): boolean {
    return this.#left === 0;
  }

  answered(at: number, result: PublishResult): void {
    const waiting = this.#waiting[at];
    if (waiting === undefined) return;
    this.#waiting[at] = undefined;
    this.#left--;
    waiting.end(result);
    this.flights.answered(this);
  }

  /** One result per message, in order; what is left out is unknown. */
  answeredAll(results: readonly PublishResult[]): void {
    for (let at = this.#first; at < this.#waiting.length; at++)
      this.answered(at, results[at] ?? this.flights.unknown('gave no answer'));
  }

  /** The call as a whole came to nothing that anybody knows of. */
  failed(cause: unknown): void {
    const result: PublishResult =
      cause instanceof QueueError
        ? { status: 'unknown', error: cause }
        : this.flights.unknown('failed in an unexpected way', { cause });
    this.answeredAll(this.#waiting.map(() => result));
  }

  /** Of the first one without an answer: those behind it are waited for since later. */
  get oldestSince(): number {
    while (this.#first < this.#waiting.length && this.#waiting[this.#first] === undefined) this.#first++;
    return this.#waiting[this.#first]?.since ?? this.sentAt;
  }

  /** Gives up what is waited for since `latest`, monotonic ms, or longer. true: that was all of it. */
  giveUpSince(latest: number): boolean {
    while (!this.isOver && this.oldestSince <= latest) this.answered(this.#first, this.flights.late());
    return this.isOver;
  }
}
