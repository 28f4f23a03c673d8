import type { SettleResult } from '../backend/backend.js';
import type { Handling } from '../interceptors/handling.js';
import type { Settler } from './settler.js';

/** Acknowledgements that go out before the handler starts, in the same calls as all other settlements. */
export class EarlyAcks {
  readonly #waiting = new Map<Handling, (acknowledged: boolean) => void>();

  /** Resolves with false when the broker did not confirm: somebody may get the message again. */
  acknowledge(handling: Handling, settler: Settler): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.set(handling, resolve);
      settler.add(handling, { kind: 'ack', delivery: handling.delivery });
    });
  }

  /** True when this was the answer that a handler waits for. */
  answered(handling: Handling, result: SettleResult): boolean {
    const resolve = this.#waiting.get(handling);
    if (resolve === undefined) return false;
    this.#waiting.delete(handling);
    if (result === 'ok') {
      handling.acknowledged = true;
      handling.leaseEndsAt = Infinity;
    }
    resolve(result === 'ok');
    return true;
  }
}
