import type {
  ConsumerDeserializer,
  ConsumerSerializer,
  OutgoingResponse,
  ReadPacket,
} from '@nestjs/microservices';
import { UnroutableError } from '../backend/backend.errors.js';
import type { MessageContext } from '../interceptors/message-context.js';
import type { Replier } from '../interceptors/replier.js';
import type { Delivery } from '../message/delivery.js';
import { decodeText, parseJson, SerializeError } from '../message/json.js';
import type { Reply, ReplyAddress } from '../message/reply.js';
import { Reject } from '../policies/verdicts.js';
import type { Bus } from '../publish/bus.js';
import { nestAnswer, type ServerWire } from './wire.js';

/** Where the answers to the requests on a topic go, as on Nest's transports over publish and subscribe. */
export function replyTopicOf(topic: string): string {
  return `${topic}.reply`;
}

export interface NestServerParts {
  readonly bus: Bus;
  readonly serializer: ConsumerSerializer;
  readonly deserializer: ConsumerDeserializer;
}

type Packet = ReadPacket & { readonly id?: unknown };

/** The packets of Nest, read and answered. */
export class NestServerWire implements ServerWire, Replier {
  constructor(private readonly parts: NestServerParts) {}

  async dataOf({ body, topic }: MessageContext): Promise<unknown> {
    const { deserializer } = this.parts;
    const packet = (await deserializer.deserialize(readBody(body), { channel: topic })) as ReadPacket;
    return packet.data;
  }

  addressOf({ topic, body }: Delivery): ReplyAddress | undefined {
    const id = idIn(body);
    return id === undefined ? undefined : { topic: replyTopicOf(topic), ref: id };
  }

  /** Nobody there for it any more is no failure: it is an answer that came too late. */
  async reply({ topic, ref }: ReplyAddress, reply: Reply): Promise<void> {
    const { bus } = this.parts;
    try {
      await bus.publishRaw(topic, this.#encoded({ ...nestAnswer(reply), id: ref }));
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
    }
  }

  #encoded(packet: OutgoingResponse): string {
    try {
      return JSON.stringify(this.parts.serializer.serialize(packet));
    } catch (cause) {
      throw new SerializeError('$', 'cannot be written', { cause });
    }
  }
}

function idIn(body: Delivery['body']): string | undefined {
  try {
    const packet = parseJson(decodeText(body)) as Partial<Packet> | null;
    const id = typeof packet === 'object' ? packet?.id : undefined;
    return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
  } catch {
    return undefined;
  }
}

function readBody(body: Delivery['body']): unknown {
  try {
    return parseJson(decodeText(body));
  } catch (cause) {
    throw new Reject('the message is no JSON, as the packets of Nest are', { cause });
  }
}
