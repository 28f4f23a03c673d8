import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import type { Handling } from '../interceptors/handling.js';

const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 50;

export interface SettlerOptions {
  readonly clock: Clock;
  readonly receiver: Receiver;
  /** The broker's final word on one settlement. */
  readonly settled: (handling: Handling, settlement: Settlement, result: SettleResult) => void;
}

/**
 * Collects what one turn of the event loop settles and sends it as one call: together with the consumer's next
 * receive when one is due, by itself otherwise. A settlement that failed is tried again while its lease is renewed;
 * when that is in vain the message comes again, which is allowed, and never disappears.
 */
export class Settler {
  #acts: Settlement[] = [];
  #handlings: Handling[] = [];
  #scheduled = false;
  #stopped = false;
  #unsettled = 0;
  /** Tries that wait for their pause. */
  readonly #later = new Set<CancelTimer>();
  #idle: (() => void) | undefined;

  constructor(private readonly options: SettlerOptions) {}

  add(handling: Handling, settlement: Settlement): void {
    this.#acts.push(settlement);
    this.#handlings.push(handling);
    this.#unsettled++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flushScheduled);
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** Sends what has been collected. The answers come to `settled`. */
  flush(): void {
    if (this.#acts.length === 0) return;
    const acts = this.#acts;
    const handlings = this.#handlings;
    this.#acts = [];
    this.#handlings = [];
    void this.#send(acts, handlings, 1);
  }

  /** Resolves when every settlement got its answer. */
  async idle(): Promise<void> {
    this.flush();
    if (this.#unsettled === 0) return;
    await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  async #send(acts: readonly Settlement[], handlings: readonly Handling[], tries: number): Promise<void> {
    const results = await this.#settle(acts);
    const again: number[] = [];
    for (let at = 0; at < acts.length; at++) {
      const result = results[at] as SettleResult;
      if (typeof result === 'string' || tries === MAX_TRIES) {
        this.#unsettled--;
        this.options.settled(handlings[at] as Handling, acts[at] as Settlement, result);
      } else again.push(at);
    }
    if (again.length > 0)
      this.#sendLater(
        again.map((at) => acts[at] as Settlement),
        again.map((at) => handlings[at] as Handling),
        tries,
      );
    if (this.#unsettled === 0) this.#idle?.();
  }

  async #settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    try {
      return await this.options.receiver.settle(acts);
    } catch (error) {
      return acts.map(() => error as SettleResult);
    }
  }

  #sendLater(acts: readonly Settlement[], handlings: readonly Handling[], tries: number): void {
    if (this.#stopped) return;
    const cancel = this.options.clock.timer(FIRST_PAUSE_MS * 2 ** (tries - 1), () => {
      this.#later.delete(cancel);
      void this.#send(acts, handlings, tries + 1);
    });
    this.#later.add(cancel);
  }

  /** Gives up what was still to be tried again: those leases run out by themselves. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#later) cancel();
    this.#later.clear();
  }
}
