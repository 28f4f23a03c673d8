import type { Clock } from '../../ambient/clock.js';

/** Wakes one sleeper. A ring while nobody sleeps is kept for the next sleep, so none is missed. */
export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;
  #look: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
    this.#look?.();
  }

  /** Resolves at the next ring, or after `delayMs`. */
  async wait(delayMs: number): Promise<void> {
    if (!this.#rung) await this.#sleep(delayMs);
    this.#rung = false;
  }

  /** Resolves when a ring finds that it is over; until then never. */
  wasToldToEnd(isOver: () => boolean): Promise<undefined> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (isOver()) resolve(undefined);
      };
    });
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
