import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { PublishResult } from '../backend/backend.js';
import { PublishTimeoutError, SubscriptionFullError } from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Line } from './back-pressure.js';

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
/** As long as there is room, twice as many go at a time, up to this. */
const MOST_AT_ONCE = 256;

interface Waiter {
  readonly message: Outgoing;
  readonly since: number;
  readonly end: (result: PublishResult) => void;
}

/** Publishers that wait for room in a full subscription. The first of them tries, and tries again. */
export class BlockedLine implements Line {
  #waiters: Waiter[] = [];
  #atOnce = 1;
  #pauseMs = FIRST_PAUSE_MS;
  #isTrying = false;
  #cancelPause: CancelTimer | undefined;
  #lastError: SubscriptionFullError;
  /** Set once it is closed. */
  #refusal: (() => PublishResult) | undefined;

  constructor(
    private readonly options: { clock: Clock; send: (message: Outgoing) => Promise<PublishResult> },
    error: SubscriptionFullError,
  ) {
    this.#lastError = error;
  }

  get isOver(): boolean {
    return this.#waiters.length === 0 && !this.#isTrying;
  }

  join(message: Outgoing): Promise<PublishResult> {
    return new Promise((resolve) => {
      this.#waiters.push({ message, since: this.options.clock.mono(), end: resolve });
      if (!this.#isTrying && this.#cancelPause === undefined) this.#tryLater();
    });
  }

  close(refusal: () => PublishResult): void {
    this.#cancelPause?.();
    this.#refusal = refusal;
    for (const { end } of this.#waiters.splice(0)) end(refusal());
  }

  #tryLater(): void {
    const [first] = this.#waiters;
    if (first === undefined) return;
    const { clock } = this.options;
    const leftMs = first.since + this.#waitMs - clock.mono();
    this.#cancelPause = clock.timer(Math.min(this.#pauseMs, Math.max(0, leftMs)), this.#onPauseEnd);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  get #waitMs(): number {
    return this.#lastError.blockMs ?? 0;
  }

  readonly #onPauseEnd = (): void => {
    this.#cancelPause = undefined;
    void this.#try();
  };

  async #try(): Promise<void> {
    this.#isTrying = true;
    const trying = this.#waiters.splice(0, this.#atOnce);
    const results = await Promise.all(trying.map(({ message }) => this.options.send(message)));
    this.#isTrying = false;
    const staying = trying.filter((waiter, at) => this.#stays(waiter, results[at] as PublishResult));
    this.#waiters.unshift(...staying);
    this.#dismissLate();
    if (staying.length > 0) {
      this.#atOnce = 1;
      this.#tryLater();
    } else if (this.#waiters.length > 0) {
      this.#atOnce = Math.min(2 * this.#atOnce, MOST_AT_ONCE);
      this.#pauseMs = FIRST_PAUSE_MS;
      void this.#try();
    }
  }

  /** Otherwise it has got its answer. */
  #stays(waiter: Waiter, result: PublishResult): boolean {
    const isFull = result.status === 'refused' && result.error instanceof SubscriptionFullError;
    if (!isFull || result.error.blockMs === undefined || this.#refusal !== undefined) {
      waiter.end(isFull && this.#refusal !== undefined ? this.#refusal() : result);
      return false;
    }
    this.#lastError = result.error;
    return true;
  }

  #dismissLate(): void {
    const now = this.options.clock.mono();
    this.#waiters = this.#waiters.filter(({ message, since, end }) => {
      if (now - since < this.#waitMs) return true;
      const error = new PublishTimeoutError(message.topic, this.#waitMs, { cause: this.#lastError });
      end({ status: 'refused', error });
      return false;
    });
  }
}
