import type { CancelTimer, Clock } from '../../ambient/clock.js';

export interface PulseSetup {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly commandTimeoutMs: number;
  /** Sends a ping; what it does with the answer is told by `answered`. */
  readonly ping: () => void;
  /** The connection does not answer: it must go. */
  readonly dead: (why: string) => void;
}

/** How often it looks, in parts of a heartbeat: silence is noticed within two of them. */
const LOOKS = 4;
/** Answered entries that may stand before the others until they are cut off. */
const SLACK = 1_024;

/**
 * Watches one connection: pings it when it is quiet, and gives it up when a ping, or anything else, is not answered in time.
 * Answers come in the order of the calls, so only the oldest one is looked at.
 */
export class Pulse {
  readonly #setup: PulseSetup;
  #sentAt: number[] = [];
  #first = 0;
  #lastAnswerAt = 0;
  #pingedAt: number | undefined;
  #cancel: CancelTimer | undefined;

  constructor(setup: PulseSetup) {
    this.#setup = setup;
  }

  /** For a new connection. */
  start(): void {
    this.stop();
    this.#lastAnswerAt = this.#setup.clock.mono();
    this.#lookLater();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pingedAt = undefined;
  }

  sent(): void {
    this.#sentAt.push(this.#setup.clock.mono());
  }

  /** Answered, or given up: whoever was sent first. */
  answered(): void {
    this.#lastAnswerAt = this.#setup.clock.mono();
    this.#pingedAt = undefined;
    if (++this.#first < SLACK && this.#first < this.#sentAt.length) return;
    this.#sentAt = this.#sentAt.slice(this.#first);
    this.#first = 0;
  }

  #lookLater(): void {
    const { clock, heartbeatMs, commandTimeoutMs } = this.#setup;
    this.#cancel = clock.timer(Math.min(heartbeatMs, commandTimeoutMs) / LOOKS, () => {
      this.#lookLater();
      this.#look(clock.mono());
    });
  }

  #look(now: number): void {
    const { heartbeatMs, commandTimeoutMs, dead, ping } = this.#setup;
    const oldest = this.#sentAt[this.#first];
    if (oldest !== undefined && now - oldest >= commandTimeoutMs) {
      return dead(`it did not answer for ${commandTimeoutMs} ms`);
    }
    if (this.#pingedAt !== undefined) {
      if (now - this.#pingedAt >= heartbeatMs) dead(`it did not answer a ping for ${heartbeatMs} ms`);
    } else if (now - this.#lastAnswerAt >= heartbeatMs / 2) {
      this.#pingedAt = now;
      ping();
    }
  }
}
