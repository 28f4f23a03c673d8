import type { Logger } from '@nestjs/common';
import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { BackendStatus } from '../backend/backend.js';
import { describeError } from '../message/error-info.js';
import { sayTo } from './say.js';

/** The connection of a backend became better or worse. */
export interface BackendStateChange {
  readonly backend: string;
  /** `down` before it was connected for the first time. */
  readonly from: BackendStatus['state'];
  readonly to: BackendStatus['state'];
  /** Wall clock, ms since the epoch. */
  readonly at: number;
  /** What went wrong last, without secrets; also of a change for the better. */
  readonly lastError: string | undefined;
}

export type BackendStateListener = (change: BackendStateChange) => void;

export interface StatesParts {
  readonly backend: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A connection that comes and goes all the time must not fill the log. */
const LINE_EVERY_MS = 1_000;

/** The ups and downs of one backend: told to listeners as they happen, and to the log at most once a second. */
export class BackendStates {
  readonly #parts: StatesParts;
  readonly #listeners = new Set<BackendStateListener>();
  #state: BackendStatus['state'] = 'down';
  #lastError: string | undefined;
  #wasUp = false;
  #upText = '';
  #reconnects = 0;
  /** What the log knows; undefined: nothing yet. */
  #said: BackendStatus['state'] | undefined;
  #saidAt = -Infinity;
  /** Since when it has not been up; monotonic ms. */
  #leftUpAt: number;
  #cancel: CancelTimer | undefined;
  #closed = false;

  constructor(parts: StatesParts) {
    this.#parts = parts;
    this.#leftUpAt = parts.clock.mono();
  }

  /** How often it was down and came up again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Answers with a function that ends it. */
  listen(listener: BackendStateListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** To be called with the status after a change. Never throws. */
  changed({ state: to, since: at, lastError }: BackendStatus): void {
    const from = this.#state;
    if (this.#closed) return;
    this.#lastError = lastError;
    const isNew = from !== to || this.#said === undefined;
    this.#state = to;
    if (!isNew) return;
    if (from === 'up') this.#leftUpAt = this.#parts.clock.mono();
    if (from === 'down' && to === 'up' && this.#wasUp) this.#reconnects++;
    if (to === 'up') this.#cameUp();
    if (from !== to) this.#tell({ backend: this.#parts.backend, from, to, at, lastError });
    this.#say();
  }

  /** That the application closes is no change to tell of. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#listeners.clear();
  }

  #cameUp(): void {
    const awayMs = Math.round(this.#parts.clock.mono() - this.#leftUpAt);
    this.#upText = `is up ${this.#wasUp ? 'again ' : ''}after ${awayMs} ms`;
    this.#wasUp = true;
  }

  #tell(change: BackendStateChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        const { backend, logger } = this.#parts;
        const what = describeError(error).message;
        sayTo(logger, 'error', `a listener to the state of backend "${backend}" failed: ${what}`);
      }
    }
  }

  #say(): void {
    const { clock } = this.#parts;
    if (this.#state === this.#said || this.#cancel !== undefined) return;
    const waitMs = this.#saidAt + LINE_EVERY_MS - clock.mono();
    if (waitMs <= 0) return this.#sayNow();
    this.#cancel = clock.timer(waitMs, () => {
      this.#cancel = undefined;
      if (this.#state !== this.#said) this.#sayNow();
    });
  }

  #sayNow(): void {
    const { backend, clock, logger } = this.#parts;
    const isFirst = this.#said === undefined;
    this.#said = this.#state;
    if (isFirst && this.#state === 'up') return; // as it should be
    this.#saidAt = clock.mono();
    const why = this.#lastError === undefined ? '' : `: ${this.#lastError}`;
    if (this.#state === 'up') sayTo(logger, 'log', `backend "${backend}" ${this.#upText}`);
    else if (this.#state === 'degraded') sayTo(logger, 'warn', `backend "${backend}" is degraded${why}`);
    else sayTo(logger, 'error', `backend "${backend}" is down, and is tried until it is back${why}`);
  }
}
