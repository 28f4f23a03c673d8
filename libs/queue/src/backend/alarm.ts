import type { Clock } from '../ambient/clock.js';

/** Wakes one sleeper. A ring while nobody sleeps is kept for the next sleep, so none is missed. */
export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;
  #heard: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
    this.#heard?.();
  }

  /** Forgets rings until now: before one looks for what they told of. */
  reset(): void {
    this.#rung = false;
  }

  /** Calls at every ring, in place of the one before. */
  whenRung(heard: (() => void) | undefined): void {
    this.#heard = heard;
  }

  /** Resolves at the next ring, or after `delayMs`. */
  async wait(delayMs: number): Promise<void> {
    if (!this.#rung) await this.#sleep(delayMs);
    this.#rung = false;
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
