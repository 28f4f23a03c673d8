/** At most `max` handler starts in any span of `perMs`, counted for each consumer of each process. */
export interface RatePolicy {
  readonly max: number;
  readonly perMs: number;
}

/** When so many attempts in a row have failed, nothing is taken for `openMs`; then one message is tried alone. */
export interface CircuitPolicy {
  readonly failures: number;
  readonly openMs: number;
}

/** One process at a time handles the subscription. The right to do so is a lease in the store. */
export interface SinglePolicy {
  readonly leaseMs: number;
}

export const DEFAULT_SINGLE: SinglePolicy = Object.freeze({ leaseMs: 15_000 });
