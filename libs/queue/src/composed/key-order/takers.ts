import type { Delivery } from '../../message/delivery.js';

const NOTHING: readonly Delivery[] = Object.freeze([]);

interface Taker {
  readonly owner: object;
  readonly max: number;
  readonly end: (deliveries: readonly Delivery[]) => void;
}

/** Those who wait for messages of one subscription, served in the order they came. */
export class Takers {
  #waiting: Taker[] = [];
  #demand = 0;

  /** `changed` hears of every change of `demand`, unless it comes from `serve`. */
  constructor(private readonly changed: () => void) {}

  /** How many messages would be taken at once. */
  get demand(): number {
    return this.#demand;
  }

  /** Resolves with what comes, or with nothing when `signal` aborts or `owner` is sent home. */
  join(owner: object, max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (signal.aborted || !(max > 0)) return Promise.resolve(NOTHING);
    return new Promise((resolve) => {
      const leave = (): void => this.#leave(taker);
      const end = (deliveries: readonly Delivery[]): void => {
        signal.removeEventListener('abort', leave);
        resolve(deliveries);
      };
      const taker: Taker = { owner, max, end };
      signal.addEventListener('abort', leave);
      this.#waiting.push(taker);
      this.#demand += max;
      this.changed();
    });
  }

  /** Hands out while there is somebody to take: `take` brings up to so many, and none when there is nothing more. */
  serve(take: (max: number) => readonly Delivery[]): void {
    for (let [taker] = this.#waiting; taker !== undefined; [taker] = this.#waiting) {
      const deliveries = take(taker.max);
      if (deliveries.length === 0) return;
      this.#waiting.shift();
      this.#demand -= taker.max;
      taker.end(deliveries);
    }
  }

  /** Sends home those of one owner, or everybody. */
  dismiss(owner?: object): void {
    const leaving = this.#waiting.filter((taker) => owner === undefined || taker.owner === owner);
    for (const taker of leaving) this.#leave(taker);
  }

  #leave(taker: Taker): void {
    this.#waiting = this.#waiting.filter((other) => other !== taker);
    this.#demand -= taker.max;
    taker.end(NOTHING);
    this.changed();
  }
}
