import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { Backend } from '../backend/backend.js';

/** Swept ten times in the time that a dead letter is kept, within these bounds. */
const SWEEPS = 10;
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;

export interface SweepOptions {
  readonly backend: Backend;
  readonly subscription: string;
  readonly clock: Clock;
  /** How long a dead letter is kept at least; at most a tenth longer while a consumer runs. */
  readonly keepMs: number;
  /** Called with a number above 0. */
  readonly expired: (count: number) => void;
  readonly fault: (error: unknown) => void;
}

/** Removes the dead letters of one subscription whose time is over, as long as it runs: one cheap call per interval. */
export class DeadLetterSweep {
  readonly #options: SweepOptions;
  #cancel: CancelTimer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;
  #removed = 0;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** How many it removed so far. */
  get removed(): number {
    return this.#removed;
  }

  /** Sweeps at once, and again after each interval. */
  start(): void {
    this.#sweeping = this.#sweep();
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { clock, keepMs, expired, fault } = this.#options;
    try {
      const count = await this.#expire(clock.now() - keepMs);
      this.#removed += count;
      if (count > 0) expired(count);
    } catch (error) {
      if (!this.#stopped) fault(error);
    }
    if (!this.#stopped) this.#cancel = clock.timer(intervalOf(keepMs), () => this.start());
  }

  async #expire(before: number): Promise<number> {
    const { backend, subscription } = this.#options;
    let count = 0;
    for await (const item of backend.inspect({ kind: 'expire', subscription, before })) {
      if (item.kind === 'purged') count += item.count;
    }
    return count;
  }
}

function intervalOf(keepMs: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, keepMs / SWEEPS));
}
