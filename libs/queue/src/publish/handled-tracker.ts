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

/** A message that a publisher waited for was cancelled before it was due. */
export class PublishCancelledError extends QueueError {
  readonly code = 'publish_cancelled';

  constructor(id: string) {
    super(`message ${id} was cancelled before it was due, so that nobody handles it`);
  }
}

/** One publisher that waits for the copies of its message. */
class Awaited {
  #ended = 0;
  #copies: number | undefined;
  #failure: QueueError | undefined;
  #over!: () => void;
  readonly #done = new Promise<void>((resolve) => (this.#over = resolve));

  copyEnded(failure: QueueError | undefined): void {
    this.#ended++;
    this.#failure = failure ?? this.#failure;
    if (this.#copies !== undefined && this.#ended >= this.#copies) this.#over();
  }

  giveUp(error: QueueError): void {
    this.#failure = error;
    this.#over();
  }

  /** Resolves when as many copies have ended; rejects when one of them was given up. */
  async all(copies: number): Promise<void> {
    this.#copies = copies;
    if (this.#ended < copies) await this.#done;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Lets a publisher wait until every copy of its message was handled in this process. */
export class HandledTracker {
  /** One message may be published, and waited for, more than once at a time. */
  readonly #awaited = new Map<string, Set<Awaited>>();

  /** `publish` runs once the wait is set up, so that even the fastest handler is seen. */
  async track(id: string, publish: () => Promise<Receipt>): Promise<Receipt> {
    const awaited = this.#add(id);
    try {
      const receipt = await publish();
      await awaited.all(receipt.copies ?? 1); // one that is handled is all there is to wait for
      return receipt;
    } finally {
      this.#remove(id, awaited);
    }
  }

  /** Some of its copies will never be handled. */
  cancelled(id: string): void {
    for (const awaited of this.#awaited.get(id) ?? []) awaited.giveUp(new PublishCancelledError(id));
  }

  /** Nobody will report any more: whoever still waits is told so. */
  close(error: QueueError): void {
    for (const group of this.#awaited.values()) for (const awaited of group) awaited.giveUp(error);
  }

  #add(id: string): Awaited {
    const awaited = new Awaited();
    const group = this.#awaited.get(id);
    if (group === undefined) this.#awaited.set(id, new Set([awaited]));
    else group.add(awaited);
    return awaited;
  }

  #remove(id: string, awaited: Awaited): void {
    const group = this.#awaited.get(id);
    group?.delete(awaited);
    if (group?.size === 0) this.#awaited.delete(id);
  }

  /** For consumers to report to. */
  settled(settlement: Settlement, result: SettleResult): void {
    if (this.#awaited.size === 0 || result !== 'ok') return;
    const group = this.#awaited.get(settlement.delivery.id);
    if (group === undefined || (settlement.kind !== 'dead' && settlement.kind !== 'ack')) return;
    const failure = settlement.kind === 'dead' ? deadLettered(settlement) : undefined;
    for (const awaited of group) awaited.copyEnded(failure);
  }
}

function deadLettered({ delivery, failure }: Settlement & { kind: 'dead' }): DeadLetteredError {
  return new DeadLetteredError(delivery.id, delivery.subscription, failure);
}
