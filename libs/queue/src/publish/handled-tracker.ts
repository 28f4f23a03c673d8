import type { Settlement, SettleResult } from '../backend/backend.js';
import type { FailureRecord } from '../message/failure-record.js';
import { QueueError } from '../message/queue-error.js';
import type { Receipt } from './publish-options.js';

/** A message that a publisher waited for ended as a dead letter. */
export class DeadLetteredError extends QueueError {
  readonly code = 'dead_lettered';

  constructor(
    id: string,
    subscription: string,
    readonly failure: FailureRecord,
  ) {
    super(`message ${id} became a dead letter of subscription "${subscription}": ${failure.error.message}`);
  }
}

class Awaited {
  ended = 0;
  copies: number | undefined;
  failure: DeadLetteredError | undefined;
  resolve!: () => void;
  reject!: (error: unknown) => void;
  readonly done = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  check(): void {
    if (this.copies === undefined || this.ended < this.copies) return;
    if (this.failure === undefined) this.resolve();
    else this.reject(this.failure);
  }
}

/** Lets a publisher wait until every copy of its message was handled in this process. */
export class HandledTracker {
  readonly #awaited = new Map<string, Awaited>();

  /** `publish` runs once the wait is set up, so that even the fastest handler is seen. */
  async track(id: string, publish: () => Promise<Receipt>): Promise<Receipt> {
    const awaited = new Awaited();
    this.#awaited.set(id, awaited);
    try {
      const receipt = await publish();
      awaited.copies = receipt.copies;
      awaited.check();
      await awaited.done;
      return receipt;
    } finally {
      this.#awaited.delete(id);
    }
  }

  /** For consumers to report to. */
  settled(settlement: Settlement, result: SettleResult): void {
    if (this.#awaited.size === 0 || result !== 'ok') return;
    const awaited = this.#awaited.get(settlement.delivery.id);
    if (awaited === undefined) return;
    if (settlement.kind === 'dead') {
      awaited.failure = new DeadLetteredError(
        settlement.delivery.id,
        settlement.delivery.subscription,
        settlement.failure,
      );
    } else if (settlement.kind !== 'ack') return;
    awaited.ended++;
    awaited.check();
  }
}
