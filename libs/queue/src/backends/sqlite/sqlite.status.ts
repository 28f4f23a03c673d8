import type { Clock } from '../../ambient/clock.js';
import type { BackendStatus } from '../../backend/backend.js';

/** Remembers how the last calls went. A refused call degrades the backend, the next one that works restores it. */
export class SqliteStatus {
  readonly #clock: Clock;
  #state: BackendStatus['state'] = 'up';
  #since: number;
  #lastError: string | undefined;
  #lastProgressAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  worked(): void {
    this.#lastProgressAt = this.#clock.now();
    this.#become('up');
  }

  failed(error: Error): void {
    this.#lastError = error.message;
    this.#become('degraded');
  }

  closed(): void {
    this.#become('down');
  }

  read(): BackendStatus {
    return {
      state: this.#state,
      since: this.#since,
      lastError: this.#lastError,
      lastProgressAt: this.#lastProgressAt,
    };
  }

  #become(state: BackendStatus['state']): void {
    if (this.#state === state || this.#state === 'down') return;
    this.#state = state;
    this.#since = this.#clock.now();
  }
}
