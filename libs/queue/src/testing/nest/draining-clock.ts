import type { CancelTimer, Clock } from '../../ambient/clock.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { Quiet } from './quiet.js';

export interface DrainingClockParts {
  readonly clock: VirtualClock;
  /** Whether consumers are being stopped. */
  readonly isDraining: () => boolean;
  readonly quiet: () => Quiet;
}

/**
 * The virtual clock, as the application sees it: while its consumers drain, time runs by itself. Nobody moves it
 * during `app.close()`, and the deadline for handlers that hang would never come.
 */
export class DrainingClock implements Clock {
  #isRunning = false;

  constructor(private readonly parts: DrainingClockParts) {}

  now(): number {
    return this.parts.clock.now();
  }

  mono(): number {
    return this.parts.clock.mono();
  }

  timer(delayMs: number, fn: () => void): CancelTimer {
    const cancel = this.parts.clock.timer(delayMs, fn);
    if (!this.#isRunning && this.parts.isDraining()) void this.#run();
    return cancel;
  }

  async #run(): Promise<void> {
    const { clock, isDraining, quiet } = this.parts;
    this.#isRunning = true;
    const silence = quiet();
    await silence.comes(isDraining);
    while (isDraining() && clock.nextInMs !== undefined) {
      await clock.advance(clock.nextInMs);
      await silence.comes(isDraining);
    }
    this.#isRunning = false;
  }
}
