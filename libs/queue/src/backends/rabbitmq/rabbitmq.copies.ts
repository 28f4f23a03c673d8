import type { ConsumeMessage } from 'amqplib';
import type { Ambient } from '../../ambient/ambient.js';
import type { Settlement, SettleResult } from '../../backend/backend.js';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { crashesOf, idOf, type RabbitDelivery, topicOf } from './rabbitmq.delivery.js';
import type { RabbitLevels } from './rabbitmq.levels.js';
import { dueLane, type RabbitNames } from './rabbitmq.names.js';
import type { RabbitSender } from './rabbitmq.sender.js';
import type { Parcel, Sent } from './rabbitmq.sending.js';
import { copyOf, failuresOf, numberIn, textIn, WIRE } from './rabbitmq.wire.js';

/** A settlement that puts the message somewhere else. */
export interface CopyingSettlement {
  readonly act: Exclude<Settlement, { readonly kind: 'ack' | 'extend' }>;
  readonly delivery: RabbitDelivery;
}

export interface CopiesParts {
  readonly backend: string;
  readonly subscription: string;
  readonly names: RabbitNames;
  readonly sender: RabbitSender;
  readonly levels: RabbitLevels;
  readonly ambient: Ambient;
  /** Makes the queues of the subscription again. */
  readonly restore: () => Promise<void>;
}

/**
 * A message on the broker cannot be changed. What is to be remembered of an attempt goes into a copy, which is confirmed
 * before the original is acknowledged: a crash in between leaves both, and never neither.
 */
export class RabbitCopies {
  readonly #parts: CopiesParts;

  constructor(parts: CopiesParts) {
    this.#parts = parts;
  }

  /** `ok`: the copy is stored, and the original can be acknowledged. */
  async settle(settlements: readonly CopyingSettlement[]): Promise<readonly SettleResult[]> {
    const problem = await this.#ensureLevels(settlements);
    if (problem !== undefined) return settlements.map(() => problem);
    const parcels = settlements.map((settlement) => this.#parcel(settlement));
    const sent = await this.#parts.sender.send(parcels);
    return Promise.all(sent.map((one, at) => this.#answer(one, parcels[at] as Parcel)));
  }

  /** To the end of the queue, and uncounted. Answers for each whether the copy is stored. */
  async giveBack(messages: readonly ConsumeMessage[]): Promise<readonly boolean[]> {
    const { names, subscription, sender } = this.#parts;
    const address = { exchange: '', routingKey: names.lane(subscription) };
    const sent = await sender.send(messages.map((raw) => ({ frame: again(raw), address })));
    return sent.map(({ kind }) => kind === 'stored');
  }

  async #ensureLevels(settlements: readonly CopyingSettlement[]): Promise<SettleResult | undefined> {
    const longestMs = Math.max(...settlements.map(({ act }) => delayOf(act)));
    if (longestMs === 0 || this.#parts.levels.has(longestMs)) return undefined;
    try {
      await this.#parts.levels.ensure(longestMs);
      return undefined;
    } catch (error) {
      return error as SettleResult;
    }
  }

  #parcel({ act, delivery }: CopyingSettlement): Parcel {
    const { names, subscription, levels } = this.#parts;
    const { id, raw, topic, failed, crashes } = delivery;
    const extra = { [WIRE.topic]: topic };
    if (act.kind === 'dead') {
      const failures = [...delivery.failures, act.failure];
      const frame = copyOf(
        raw,
        id,
        { failed: failed + 1, crashes, failures },
        { ...extra, ...this.#burial(raw) },
      );
      return { frame, address: { exchange: '', routingKey: names.dead(subscription) } };
    }
    const past = act.kind === 'retry' ? failedOnce(delivery, act.failure) : delivery;
    const delayMs = delayOf(act);
    if (delayMs === 0) {
      const address = { exchange: '', routingKey: names.lane(subscription) };
      return { frame: copyOf(raw, id, past, extra), address };
    }
    const { address, bits } = levels.way(delayMs, dueLane(subscription));
    return { frame: copyOf(raw, id, past, { ...extra, ...bits }), address };
  }

  /** What somebody else's publisher sent has no name of ours until it dies. */
  #burial({ properties }: ConsumeMessage): Record<string, string | number> {
    const { ids, clock } = this.#parts.ambient;
    const nowMs = clock.now();
    return { [WIRE.ref]: textIn(properties.headers, WIRE.ref) ?? ids.next(nowMs), [WIRE.diedAt]: nowMs };
  }

  /** A queue that is not there is made again, once. */
  async #answer(sent: Sent, parcel: Parcel): Promise<SettleResult> {
    if (sent.kind === 'stored') return 'ok';
    const { sender, levels, restore, backend } = this.#parts;
    if (sent.kind === 'unknown') levels.forget(); // a channel that was closed may have missed an exchange
    if (sent.kind !== 'unroutable') return sent.error;
    try {
      await restore();
    } catch (error) {
      return error as SettleResult;
    }
    const [second] = await sender.send([parcel]);
    if (second?.kind === 'stored') return 'ok';
    const { exchange, routingKey } = parcel.address;
    const where = exchange === '' ? `queue "${routingKey}"` : `exchange "${exchange}"`;
    return new BackendUnavailableError(backend, 'settle', `${where} does not exist any more`);
  }
}

function failedOnce({ failed, crashes, failures }: RabbitDelivery, failure: FailureRecord) {
  return { failed: failed + 1, crashes, failures: [...failures, failure] };
}

/** The same message once more, as if nobody had seen it. */
function again(raw: ConsumeMessage): Parcel['frame'] {
  const failed = numberIn(raw.properties.headers, WIRE.failed) ?? 0;
  const past = { failed, crashes: crashesOf(raw), failures: failuresOf(raw) };
  return copyOf(raw, idOf(raw), past, { [WIRE.topic]: topicOf(raw) });
}

function delayOf(act: CopyingSettlement['act']): number {
  return act.kind === 'dead' ? 0 : Math.max(0, act.delayMs ?? 0);
}
