import type { RelayOutcome, RelayResult } from './relay-source.js';

/** How far a relay has come. */
export interface RelayReport {
  /** Confirmed by the target. */
  readonly moved: number;
  /** Not to be moved: filtered out, or stopped by the loop guard. */
  readonly dropped: number;
  /** What the target will never take. */
  readonly refused: number;
  /** Tries that may succeed later; one message can fail several times. */
  readonly failed: number;
  /** Messages moved per second since the start. */
  readonly perSecond: number;
  /** `running`, or how it ended: nothing more to move, told to stop, or too many failures in a row. */
  readonly state: 'running' | 'finished' | 'stopped' | 'gave-up';
  /** What went wrong last, at either end. */
  readonly lastError: unknown;
}

/** Counts outcomes. */
export class RelayTally {
  #moved = 0;
  #dropped = 0;
  #refused = 0;
  #failed = 0;
  #lastError: unknown;

  count(results: readonly RelayResult[]): void {
    for (const { outcome } of results) this.#countOne(outcome);
  }

  trouble(error: unknown): void {
    this.#lastError = error;
  }

  report(elapsedMs: number, state: RelayReport['state']): RelayReport {
    return {
      moved: this.#moved,
      dropped: this.#dropped,
      refused: this.#refused,
      failed: this.#failed,
      perSecond: elapsedMs > 0 ? (this.#moved * 1_000) / elapsedMs : 0,
      state,
      lastError: this.#lastError,
    };
  }

  #countOne(outcome: RelayOutcome): void {
    switch (outcome.kind) {
      case 'moved':
        this.#moved++;
        return;
      case 'dropped':
        this.#dropped++;
        return;
      case 'refused':
        this.#refused++;
        this.#lastError = outcome.error;
        return;
      case 'failed':
        this.#failed++;
        this.#lastError = outcome.error;
        return;
      case 'held':
        return;
    }
  }
}
