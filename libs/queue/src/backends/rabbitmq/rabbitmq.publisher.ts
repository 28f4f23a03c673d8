import type { Ambient } from '../../ambient/ambient.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import { UnroutableError } from '../../backend/backend.errors.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import type { RabbitLevels } from './rabbitmq.levels.js';
import { dueLane, dueTopic, type RabbitNames } from './rabbitmq.names.js';
import type { Parcel, RabbitSender } from './rabbitmq.sender.js';
import type { Sent } from './rabbitmq.sending.js';
import { frameOf } from './rabbitmq.wire.js';

export interface PublisherParts {
  readonly owner: CapabilityOwner;
  readonly names: RabbitNames;
  readonly sender: RabbitSender;
  readonly levels: RabbitLevels;
  readonly ambient: Ambient;
}

/** Turns messages into what is sent, and answers into results. */
export class RabbitPublisher {
  readonly #parts: PublisherParts;
  /** Begins the names of what this process publishes. */
  readonly #mark: string;
  #count = 0;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    const { ids, clock } = parts.ambient;
    this.#mark = `${ids.next(clock.now())}.`;
  }

  async publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    const { owner, sender, levels } = this.#parts;
    const results = new Array<PublishResult>(batch.length);
    const parcels: Parcel[] = [];
    const places: number[] = [];
    for (const [at, message] of batch.entries()) {
      const { delayMs = 0 } = message;
      const error =
        objectionTo(message, call, owner) ?? (levels.has(delayMs) ? undefined : await this.#make(delayMs));
      if (error === undefined) {
        parcels.push(this.#parcel(message));
        places.push(at);
      } else results[at] = { status: 'refused', error };
    }
    const sent = await sender.send(parcels, call?.signal);
    places.forEach((at, index) => (results[at] = this.#result(batch[at] as Outgoing, sent[index] as Sent)));
    return results;
  }

  async #make(delayMs: number): Promise<QueueError | undefined> {
    try {
      await this.#parts.levels.ensure(delayMs);
      return undefined;
    } catch (error) {
      return error as QueueError;
    }
  }

  #parcel(message: Outgoing): Parcel {
    const { names, ambient, levels } = this.#parts;
    const { topic, to, delayMs = 0 } = message;
    const nowMs = ambient.clock.now();
    const frame = frameOf(message, nowMs, `${this.#mark}${(this.#count++).toString(36)}`);
    if (delayMs > 0) {
      const way = levels.way(delayMs, to === undefined ? dueTopic(topic) : dueLane(to));
      Object.assign(frame.options.headers, way.bits);
      return { frame, address: way.address };
    }
    const address =
      to === undefined
        ? { exchange: names.topics, routingKey: topic }
        : { exchange: '', routingKey: names.lane(to) };
    return { frame, address };
  }

  #result({ topic, to, delayMs = 0 }: Outgoing, sent: Sent): PublishResult {
    switch (sent.kind) {
      case 'stored':
        if (delayMs > 0) return LATER;
        return to === undefined ? SOMEWHERE : ONE;
      case 'unroutable':
        if (delayMs > 0) this.#parts.levels.forget();
        return { status: 'refused', error: new UnroutableError(this.#parts.owner.name, topic, to) };
      case 'refused':
        return { status: 'refused', error: sent.error };
      case 'unknown':
        this.#parts.levels.forget(); // the channel may have been closed because an exchange is gone
        return { status: 'unknown', error: sent.error };
    }
  }
}

const LATER: PublishResult = Object.freeze({ status: 'stored', copies: 0 });
const ONE: PublishResult = Object.freeze({ status: 'stored', copies: 1 });
/** In at least one subscription; the broker does not say in how many. */
const SOMEWHERE: PublishResult = Object.freeze({ status: 'stored', copies: undefined });
