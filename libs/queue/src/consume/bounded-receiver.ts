import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { Delivery } from '../message/delivery.js';

/** Asks for, and settles, no more in one call than the backend takes, so that nobody above needs to know. */
export class BoundedReceiver implements Receiver {
  readonly #inner: Receiver;
  readonly #batch: Capabilities['batch'];

  constructor(inner: Receiver, batch: Capabilities['batch']) {
    this.#inner = inner;
    this.#batch = batch;
  }

  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.#inner.receive(Math.min(max, this.#batch.receive), signal);
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return acts.length <= this.#batch.settle ? this.#inner.settle(acts) : this.#settleInParts(acts);
  }

  /** A part that fails as a whole fails for its own acts only. */
  async #settleInParts(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const size = this.#batch.settle;
    const parts = Array.from({ length: Math.ceil(acts.length / size) }, (_, at) =>
      acts.slice(at * size, (at + 1) * size),
    );
    const results = await Promise.all(
      parts.map(async (part) => {
        try {
          return await this.#inner.settle(part);
        } catch (error) {
          return part.map(() => error as SettleResult);
        }
      }),
    );
    return results.flat();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
