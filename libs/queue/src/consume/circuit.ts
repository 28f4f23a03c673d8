import type { CancelTimer, Clock } from '../ambient/clock.js';
import { QueueError } from '../message/queue-error.js';
import type { CircuitVerdicts } from '../interceptors/circuit.station.js';
import type { CircuitPolicy } from '../policies/limits.policy.js';

/** So many attempts in a row have failed that nothing is taken for a while. No message is lost or counted by that. */
export class CircuitOpenError extends QueueError {
  readonly code = 'circuit_open';
}

export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitParts {
  readonly clock: Clock;
  readonly policy: CircuitPolicy;
  readonly opened: (error: CircuitOpenError) => void;
  /** After a pause, for one message, or for all of them. */
  readonly passable: () => void;
}

/** Closed while attempts succeed; open after too many failures in a row; half-open for the one message that is tried next. */
export class Circuit implements CircuitVerdicts {
  #state: CircuitState = 'closed';
  #failures = 0;
  #cancel: CancelTimer | undefined;

  constructor(private readonly parts: CircuitParts) {}

  get state(): CircuitState {
    return this.#state;
  }

  /** How many of `wanted` deliveries may be asked for while `held` are here. */
  limit(wanted: number, held: number): number {
    if (this.#state === 'closed') return wanted;
    return this.#state === 'half-open' && held === 0 ? Math.min(1, wanted) : 0;
  }

  succeeded(): void {
    this.#failures = 0;
    if (this.#state !== 'half-open') return; // what was at work when it opened proves nothing about now
    this.#state = 'closed';
    this.parts.passable();
  }

  failed(): void {
    this.#failures++;
    if (this.#state === 'open') return;
    if (this.#state === 'half-open' || this.#failures >= this.parts.policy.failures) this.#open();
  }

  stop(): void {
    this.#cancel?.();
  }

  #open(): void {
    const { clock, policy, opened, passable } = this.parts;
    this.#state = 'open';
    this.#cancel = clock.timer(policy.openMs, () => {
      this.#state = 'half-open';
      passable();
    });
    const times = this.#failures === 1 ? 'attempt' : 'attempts';
    opened(
      new CircuitOpenError(
        `${this.#failures} ${times} in a row failed: nothing is taken for ${policy.openMs} ms, then one message is tried`,
      ),
    );
  }
}
