import type { Clock } from '../ambient/clock.js';
import type { Receiver, Settlement } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { describeError } from '../message/error-info.js';
import type { FailureRecord } from '../message/failure-record.js';
import type { QueueError } from '../message/queue-error.js';
import type { RelayItem, RelayResult, RelaySource } from './relay-source.js';
import { messageOf } from './with-message.js';

export interface DeliveryItem extends RelayItem {
  readonly delivery: Delivery;
}

export interface ReceiverSourceOptions {
  readonly name: string;
  /** Its lease must outlast the relay's `timeoutMs`. */
  readonly receiver: Receiver;
  /** Stamps the failure record of what the target refuses. */
  readonly clock: Clock;
  /** Who relays, for that record: `hostname:pid`. */
  readonly host: string;
}

/**
 * A subscription as a source. What was moved or dropped is acknowledged, what failed or was held goes back uncounted
 * to its old place, and what the target will never take becomes a dead letter with the reason.
 */
export class ReceiverSource implements RelaySource<DeliveryItem> {
  readonly name: string;
  readonly #options: ReceiverSourceOptions;

  constructor(options: ReceiverSourceOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async take(max: number, signal: AbortSignal): Promise<readonly DeliveryItem[]> {
    const deliveries = await this.#options.receiver.receive(max, signal);
    const nowMs = this.#options.clock.now();
    return deliveries.map((delivery) => ({ message: messageOf(delivery, nowMs), delivery }));
  }

  /** Rejects with the first settlement that went wrong; its lease decides. A lost one is somebody else's by now. */
  async done(results: readonly RelayResult<DeliveryItem>[]): Promise<void> {
    const acts = results.map((result) => this.#settlement(result));
    const answers = await this.#options.receiver.settle(acts);
    for (const answer of answers) if (typeof answer !== 'string') throw answer;
  }

  #settlement({ item: { delivery }, outcome }: RelayResult<DeliveryItem>): Settlement {
    switch (outcome.kind) {
      case 'moved':
      case 'dropped':
        return { kind: 'ack', delivery };
      case 'failed':
      case 'held':
        return { kind: 'release', delivery };
      case 'refused':
        return { kind: 'dead', delivery, failure: this.#failure(delivery, outcome.error) };
    }
  }

  #failure({ attempt }: Delivery, error: QueueError): FailureRecord {
    const { clock, host } = this.#options;
    const info = describeError(error);
    return { attempt, at: clock.now(), reason: 'rejected', error: info, handler: this.name, host };
  }
}
