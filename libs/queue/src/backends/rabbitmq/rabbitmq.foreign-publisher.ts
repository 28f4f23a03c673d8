import type { Options } from 'amqplib';
import type { Clock } from '../../ambient/clock.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import { UnroutableError, UnsupportedError } from '../../backend/backend.errors.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import { CONTENT_TYPE_HEADER } from '../../message/cloudevents/header-forms.js';
import { JSON_TYPE } from '../../message/cloudevents/media-type.js';
import { decodeEvent } from '../../message/envelope.js';
import type { DomainEvent } from '../../message/event.js';
import { quote } from '../../message/names.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import { unescaped } from './rabbitmq.adoption.js';
import { type ForeignRoute, type ForeignTopics, placeOf } from './rabbitmq.foreign-topics.js';
import type { RabbitSender } from './rabbitmq.sender.js';
import type { Sent } from './rabbitmq.sending.js';
import { type Frame, frameOf } from './rabbitmq.wire.js';

export interface ForeignPublisherParts {
  readonly owner: CapabilityOwner;
  readonly topics: ForeignTopics;
  /** Of its own: the broker closes the channel of a publish to an exchange that is not there. */
  readonly sender: RabbitSender;
  readonly clock: Clock;
}

/** A message that goes to an exchange of somebody else. */
interface ForeignSending {
  readonly message: Outgoing;
  readonly route: ForeignRoute;
}

/** AMQP writes these properties with one byte for their length. */
const MAX_BYTES = 255;

/** Publishes to exchanges of others, with the properties by which others read a message. */
export class RabbitForeignPublisher {
  readonly #parts: ForeignPublisherParts;

  constructor(parts: ForeignPublisherParts) {
    this.#parts = parts;
  }

  /** Where a message goes, when it goes to somebody else. What is for one subscription stays on its lane. */
  routeOf({ topic, to }: Outgoing): ForeignRoute | undefined {
    return to === undefined ? this.#parts.topics.of(topic) : undefined;
  }

  async publish(
    sendings: readonly ForeignSending[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    const objections = sendings.map((sending) => this.#objectionTo(sending, call));
    const able = sendings.filter((_, at) => objections[at] === undefined);
    const parcels = able.map(({ message, route }) => ({
      frame: this.#frame(message, route),
      address: route,
    }));
    const sent = (await this.#parts.sender.send(parcels, call?.signal)).values();
    return sendings.map(({ message, route }, at) => {
      const error = objections[at];
      if (error !== undefined) return { status: 'refused', error };
      return this.#result(message, route, sent.next().value as Sent);
    });
  }

  #objectionTo({ message, route }: ForeignSending, call: PublishCall | undefined): QueueError | undefined {
    const { owner } = this.#parts;
    const where = `topic ${quote(message.topic)}, which is ${placeOf(route)} of somebody else`;
    if (/[*#]/.test(route.routingKey)) {
      const remedy = 'listen by this topic, and publish by another one whose routing key has no wildcards';
      return new UnsupportedError(owner.name, `publish to ${where}`, remedy);
    }
    if ((message.delayMs ?? 0) > 0) {
      const remedy =
        'delay a message of a topic of your own, and publish to this one from the handler that gets it';
      return new UnsupportedError(owner.name, `delay a message to ${where}`, remedy);
    }
    return objectionTo(message, call, owner);
  }

  #frame(message: Outgoing, { headers }: ForeignRoute): Frame {
    const nowMs = this.#parts.clock.now();
    const { content, options } = frameOf(message, nowMs, message.id);
    const table = { ...unescaped(options.headers), ...headers } as Frame['options']['headers'];
    return { content, options: { ...options, ...propertiesOf(message, nowMs), headers: table } };
  }

  #result({ topic }: Outgoing, route: ForeignRoute, sent: Sent): PublishResult {
    switch (sent.kind) {
      case 'stored':
        return SOMEWHERE;
      case 'unroutable': {
        const error = new UnroutableError(this.#parts.owner.name, topic, { place: placeOf(route) });
        return { status: 'refused', error };
      }
      case 'refused':
      case 'unknown':
        return { status: sent.kind, error: sent.error };
    }
  }
}

/** In at least one queue; the broker does not say in how many. */
const SOMEWHERE: PublishResult = Object.freeze({ status: 'stored', copies: undefined });

function propertiesOf(message: Outgoing, nowMs: number): Options.Publish {
  const event = eventOf(message);
  const contentType = short(message.headers[CONTENT_TYPE_HEADER] ?? (event && JSON_TYPE));
  const correlationId = short(event?.correlation_id);
  return {
    timestamp: Math.floor(nowMs / 1_000),
    type: short(event?.event_type) ?? message.topic,
    ...(contentType !== undefined && { contentType }),
    ...(correlationId !== undefined && { correlationId }),
    ...(message.ttlMs !== undefined && { expiration: message.ttlMs }),
  };
}

/** undefined of a message that is no event: it was published raw. */
function eventOf({ body, headers, event }: Outgoing): DomainEvent | undefined {
  if (event !== undefined) return event;
  try {
    return decodeEvent(body, headers);
  } catch {
    return undefined;
  }
}

function short(text: string | undefined): string | undefined {
  return text !== undefined && Buffer.byteLength(text) <= MAX_BYTES ? text : undefined;
}
