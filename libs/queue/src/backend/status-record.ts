import type { Clock } from '../ambient/clock.js';
import type { BackendStatus, StatusListener } from './backend.js';

/**
 * What a backend remembers of how its calls went. A call that failed degrades it, a connection that is lost takes it
 * down, whatever works brings it back up. Messages are kept as given: redact them first.
 */
export class StatusRecord {
  readonly #clock: Clock;
  #state: BackendStatus['state'] = 'up';
  #since: number;
  #lastError: string | undefined;
  #lastProgressAt: number | undefined;
  #closed = false;
  readonly #listeners: StatusListener[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  worked(): void {
    this.#lastProgressAt = this.#clock.now();
    this.#become('up');
  }

  /** One call did not work; others may. */
  failed(error: Error): void {
    this.#lastError = error.message;
    if (this.#state !== 'down') this.#become('degraded');
  }

  /** No call can work until something does. */
  lost(error: Error): void {
    this.#lastError = error.message;
    this.#become('down');
  }

  /** Down for good. */
  closed(): void {
    this.#become('down');
    this.#closed = true;
  }

  /** As `onStatus` of a backend. */
  onChange(listener: StatusListener): void {
    this.#listeners.push(listener);
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
    if (this.#state === state || this.#closed) return;
    this.#state = state;
    this.#since = this.#clock.now();
    for (const listener of this.#listeners) listener(this.read());
  }
}
