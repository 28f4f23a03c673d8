import type { Ambient } from '../../ambient/ambient.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import { UnroutableError } from '../../backend/backend.errors.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import type { RabbitLevels } from './rabbitmq.levels.js';
import { dueLane, dueTopic, type RabbitNames } from './rabbitmq.names.js';
import { GIVEN_UP, type RabbitSender } from './rabbitmq.sender.js';
import { type Answers, Gathered, type Parcel, type Sent } from './rabbitmq.sending.js';
import { Postage } from './rabbitmq.postage.js';
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

  publish(batch: readonly Outgoing[], call: PublishCall | undefined): Promise<readonly PublishResult[]> {
    const results = new Gathered<PublishResult>(batch.length);
    this.publishEach(batch, results, call);
    return results.promise;
  }

  publishEach(
    batch: readonly Outgoing[],
    answers: Answers<PublishResult>,
    call: PublishCall | undefined,
  ): void {
    const { owner, levels } = this.#parts;
    const ready = this.#postage(answers);
    let late: Postage | undefined;
    for (let at = 0; at < batch.length; at++) {
      const message = batch[at] as Outgoing;
      const error = objectionTo(message, call, owner);
      if (error !== undefined) answers.answered(at, { status: 'refused', error });
      else if (levels.has(message.delayMs ?? 0)) ready.add(message, at);
      else (late ??= this.#postage(answers)).add(message, at);
    }
    this.#post(ready, call);
    if (late !== undefined) void this.#postLate(late, call);
  }

  /** When the levels of its delays are made. What has none does not wait. */
  async #postLate(late: Postage, call: PublishCall | undefined): Promise<void> {
    const longestMs = Math.max(...late.messages.map(({ delayMs = 0 }) => delayMs));
    try {
      await this.#parts.levels.ensure(longestMs);
    } catch (error) {
      return late.refused(error as QueueError);
    }
    this.#post(late, call);
  }

  #postage(answers: Answers<PublishResult>): Postage {
    return new Postage(answers, this.#result);
  }

  #post(postage: Postage, call: PublishCall | undefined): void {
    const { sender } = this.#parts;
    if (postage.messages.length === 0) return;
    const sendings = sender.post(
      postage.messages.map((message) => this.#parcel(message)),
      postage,
    );
    if (call?.signal === undefined) return;
    postage.endsWith(call.signal, () => sender.giveUp(sendings, GIVEN_UP));
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

  readonly #result = ({ topic, to, delayMs = 0 }: Outgoing, sent: Sent): PublishResult => {
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
  };
}

const LATER: PublishResult = Object.freeze({ status: 'stored', copies: 0 });
const ONE: PublishResult = Object.freeze({ status: 'stored', copies: 1 });
/** In at least one subscription; the broker does not say in how many. */
const SOMEWHERE: PublishResult = Object.freeze({ status: 'stored', copies: undefined });
