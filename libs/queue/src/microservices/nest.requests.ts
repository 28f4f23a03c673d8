import type {
  PacketId,
  ProducerDeserializer,
  ProducerSerializer,
  ReadPacket,
  WritePacket,
} from '@nestjs/microservices';
import type { Ambient } from '../ambient/ambient.js';
import type { Backend } from '../backend/backend.js';
import { BackendClosedError } from '../backend/backend.errors.js';
import type { Delivery } from '../message/delivery.js';
import { decodeText, parseJson } from '../message/json.js';
import { REPLY_TOPIC_PREFIX } from '../message/reply.js';
import { type Duration, parseDuration } from '../policies/duration.js';
import type { Bus } from '../publish/bus.js';
import type { Receipt } from '../publish/publish-options.js';
import { ReplyInbox } from '../publish/reply-inbox.js';
import { RequestTimeoutError } from '../publish/request.errors.js';
import { replyTopicOf } from './nest.wire.js';

export interface NestRequestsParts {
  readonly bus: Bus;
  readonly backend: Backend;
  readonly ambient: Ambient;
  readonly serializer: ProducerSerializer;
  readonly deserializer: ProducerDeserializer;
}

export interface Waiting {
  readonly timeout: Duration;
  readonly callback: (packet: WritePacket) => void;
}

type Incoming = WritePacket & PacketId;

/** Requests as packets of Nest. Every process hears all answers on the topics it asked on, and takes those with its ids. */
export class NestRequests {
  readonly #waiting = new Map<string, (packet: WritePacket) => void>();
  readonly #inbox: ReplyInbox;

  constructor(private readonly parts: NestRequestsParts) {
    const { backend, ambient } = parts;
    const instance = ambient.ids.next(ambient.clock.now()).replaceAll(':', '-').slice(-100);
    this.#inbox = new ReplyInbox({
      backend,
      ambient,
      name: `${REPLY_TOPIC_PREFIX}${instance}`,
      take: (delivery) => void this.#take(delivery),
    });
  }

  async emit(topic: string, packet: ReadPacket): Promise<Receipt> {
    return this.parts.bus.publishRaw(topic, await this.#encoded(packet));
  }

  /** Answers with a function that stops waiting. */
  send(topic: string, packet: ReadPacket & PacketId, { timeout, callback }: Waiting): () => void {
    const timeoutMs = parseDuration('timeout', timeout);
    const stop = (): void => {
      cancel();
      this.#waiting.delete(packet.id);
    };
    const done = (last: WritePacket): void => {
      stop();
      callback(last);
    };
    const fail = (err: unknown): void => {
      if (this.#waiting.has(packet.id)) done({ err, isDisposed: true });
    };
    const cancel = this.parts.ambient.clock.timer(timeoutMs, () =>
      fail(new RequestTimeoutError(topic, timeoutMs)),
    );
    this.#waiting.set(packet.id, (part) => (part.isDisposed ? done(part) : callback(part)));
    this.#publish(topic, packet, timeoutMs).catch(fail);
    return stop;
  }

  async close(): Promise<void> {
    const closed = new BackendClosedError(this.parts.backend.name, 'wait for a reply');
    for (const waiting of this.#waiting.values()) waiting({ err: closed, isDisposed: true });
    await this.#inbox.close();
  }

  async #publish(topic: string, packet: ReadPacket & PacketId, ttl: number): Promise<void> {
    const body = await this.#encoded(packet);
    await this.#inbox.listenTo(replyTopicOf(topic));
    if (this.#waiting.has(packet.id)) await this.parts.bus.publishRaw(topic, body, { ttl });
  }

  async #encoded(packet: ReadPacket): Promise<string> {
    return JSON.stringify(await this.parts.serializer.serialize(packet));
  }

  /** What nobody here asked for is somebody else's, or came too late. */
  async #take({ body }: Delivery): Promise<void> {
    try {
      const packet = (await this.parts.deserializer.deserialize(parseJson(decodeText(body)))) as Incoming;
      const { id, err, response, isDisposed } = packet;
      const isLast = isDisposed === true || (err !== undefined && err !== null);
      this.#waiting.get(id)?.({ err, response, ...(isLast && { isDisposed: true }) });
    } catch {
      // No packet: nobody waits for it.
    }
  }
}
