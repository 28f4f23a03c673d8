import type { QueueError } from '../../message/queue-error.js';
import type { Frame } from './rabbitmq.wire.js';

/** What became of one message that was written, or was to be. */
export type Sent =
  | { readonly kind: 'stored' }
  /** No queue would have got it, and none has. */
  | { readonly kind: 'unroutable' }
  | { readonly kind: 'refused'; readonly error: QueueError }
  | { readonly kind: 'unknown'; readonly error: QueueError };

export const STORED: Sent = Object.freeze({ kind: 'stored' });
const UNROUTABLE: Sent = Object.freeze({ kind: 'unroutable' });

/** Where to. */
export interface Address {
  readonly exchange: string;
  readonly routingKey: string;
}

/** A message and where to. */
export interface Parcel {
  readonly frame: Frame;
  readonly address: Address;
}

/** Whoever waits for what becomes of several messages. */
export interface Answers<Answer> {
  /** Of the message in this place, once. */
  answered(at: number, answer: Answer): void;
}

/** All answers together, for those who cannot use one before the last. */
export class Gathered<Answer> implements Answers<Answer> {
  readonly promise: Promise<readonly Answer[]>;
  readonly #answers: Answer[];
  #resolve!: (answers: readonly Answer[]) => void;
  #left: number;

  constructor(count: number) {
    this.#left = count;
    this.#answers = new Array<Answer>(count);
    this.promise = new Promise((resolve) => (this.#resolve = resolve));
    if (count === 0) this.#resolve(this.#answers);
  }

  answered(at: number, answer: Answer): void {
    this.#answers[at] = answer;
    if (--this.#left === 0) this.#resolve(this.#answers);
  }
}

/** Messages that are sent together, and have one deadline. */
export class SendingBatch {
  #left: number;

  /** `endsAt`: on the monotonic clock. */
  constructor(
    count: number,
    readonly endsAt: number,
    private readonly answers: Answers<Sent>,
  ) {
    this.#left = count;
  }

  get isOver(): boolean {
    return this.#left === 0;
  }

  settle(at: number, sent: Sent): void {
    this.#left--;
    this.answers.answered(at, sent);
  }
}

/** One message on its way to the broker, and back. */
export class Sending {
  isWritten = false;
  isSettled = false;
  #isReturned = false;

  constructor(
    readonly frame: Frame,
    readonly address: Address,
    readonly batch: SendingBatch,
    readonly at: number,
  ) {}

  /** The broker gave it back: its confirmation comes after. */
  returned(): void {
    this.#isReturned = true;
  }

  isThe(messageId: unknown, { exchange, routingKey }: Address): boolean {
    const { address, frame } = this;
    const isSame = address.routingKey === routingKey && address.exchange === exchange;
    return isSame && frame.options.messageId === messageId && !this.#isReturned;
  }

  confirmed(): void {
    this.settle(this.#isReturned ? UNROUTABLE : STORED);
  }

  settle(sent: Sent): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.batch.settle(this.at, sent);
  }
}
