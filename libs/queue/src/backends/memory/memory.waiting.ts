import type { Delivery } from '../../message/delivery.js';

/** The answer to every `receive` that has nothing to bring. */
export const NOTHING: readonly Delivery[] = Object.freeze([]);

/** Who claims, as far as a claim needs to know. */
export interface Taker {
  /** How long each of its deliveries is leased. */
  readonly leaseMs: number;
}

/** One `receive` that found nothing and waits. */
export interface Wait {
  readonly taker: Taker;
  readonly max: number;
  readonly signal: AbortSignal;
  readonly resolve: (deliveries: readonly Delivery[]) => void;
}

/** Those who wait for messages of one subscription, served in the order they came. */
export class WaitingLine {
  #waits: Wait[] = [];

  get isEmpty(): boolean {
    return this.#waits.length === 0;
  }

  get first(): Wait | undefined {
    return this.#waits[0];
  }

  join(taker: Taker, max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return new Promise((resolve) => {
      this.#waits.push({ taker, max, signal, resolve });
    });
  }

  shift(): void {
    this.#waits.shift();
  }

  isWaitingFor(signal: AbortSignal): boolean {
    return this.#waits.some((wait) => wait.signal === signal);
  }

  /** Sends home, with nothing, everybody who is `done`. */
  dismiss(done: (wait: Wait) => boolean): void {
    const staying: Wait[] = [];
    for (const wait of this.#waits) {
      if (done(wait)) wait.resolve(NOTHING);
      else staying.push(wait);
    }
    this.#waits = staying;
  }
}
