import { ClientProxy, type PacketId, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { ProducerDeserializer, ProducerSerializer } from '@nestjs/microservices';
import { BackendClosedError } from '../backend/backend.errors.js';
import type { Bus } from '../publish/bus.js';
import type { Duration } from '../policies/duration.js';
import { type Link, type LinkOptions, linkOf } from './link.js';
import { NestRequests } from './nest.requests.js';
import { topicOfRoute } from './pattern.topic.js';
import { nestAnswer, type WireFormat } from './wire.js';

export interface PigeonpostClientOptions extends LinkOptions {
  /** How long `send` waits for an answer. Default 30 s. */
  readonly timeout?: Duration;
  /** That of the other side. Default `envelope`. */
  readonly wire?: WireFormat;
  /** Of the wire `nest`; default: Nest's own. */
  readonly serializer?: ProducerSerializer;
  readonly deserializer?: ProducerDeserializer;
}

/**
 * `emit` and `send` of Nest over a named backend. `emit` ends when the event is stored; `send` brings every value of
 * the answer, or the error of the handler, or a RequestTimeoutError.
 */
export class PigeonpostClient extends ClientProxy {
  readonly #options: PigeonpostClientOptions;
  readonly #timeout: Duration;
  #link: Link | undefined;
  #requests: NestRequests | undefined;

  constructor(options: PigeonpostClientOptions = {}) {
    super();
    this.#options = options;
    this.#timeout = options.timeout ?? '30s';
    const { serializer, deserializer } = options;
    this.initializeSerializer(serializer === undefined ? {} : { serializer });
    this.initializeDeserializer(deserializer === undefined ? {} : { deserializer });
  }

  /** Throws InvalidOptionsError, or what keeps the backend from being opened. */
  async connect(): Promise<Bus> {
    const { connections, backend } = (this.#link ??= linkOf(PigeonpostClient.name, this.#options));
    await connections.get(backend).backend.connect();
    this._status$.next('connected');
    return this.unwrap<Bus>();
  }

  /** Tells those who still wait, and frees an own backend. */
  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await this.#requests?.close();
    this.#requests = undefined;
    if (link?.isOwned) await link.connections.closeAll();
    this._status$.next('disconnected');
  }

  /** The bus, once it is connected. */
  unwrap<T>(): T {
    return this.#bus as T;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    try {
      if (this.#link === undefined) throw new BackendClosedError('of a closed client', 'send');
      const topic = topicOfRoute(this.normalizePattern(packet.pattern));
      return this.#options.wire === 'nest'
        ? this.#sendPacket(topic, packet, callback)
        : this.#sendRequest(topic, packet, callback);
    } catch (err) {
      callback({ err, isDisposed: true });
      return () => undefined;
    }
  }

  protected async dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    const route = this.normalizePattern(packet.pattern);
    const topic = topicOfRoute(route);
    const stored =
      this.#options.wire === 'nest'
        ? this.#nestRequests().emit(topic, { ...packet, pattern: route })
        : this.#bus?.publish(topic, packet.data, headersOf(packet));
    return (await stored) as T;
  }

  #sendRequest(topic: string, packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const options = { ...headersOf(packet), timeout: this.#timeout };
    const requester = {
      replied: (reply: Parameters<typeof nestAnswer>[0]) => callback(nestAnswer(reply)),
      gaveUp: (err: unknown) => callback({ err, isDisposed: true }),
    };
    return (this.#bus as Bus).sendRequest(topic, { data: packet.data, options }, requester);
  }

  #sendPacket(topic: string, packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const sent = this.assignPacketId(packet) as ReadPacket & PacketId;
    return this.#nestRequests().send(topic, sent, { timeout: this.#timeout, callback });
  }

  #nestRequests(): NestRequests {
    const { connections, backend } = this.#link as Link;
    const { serializer, deserializer } = this;
    const { ambient } = connections;
    return (this.#requests ??= new NestRequests({
      ...connections.get(backend),
      ambient,
      serializer,
      deserializer,
    }));
  }

  get #bus(): Bus | undefined {
    return this.#link?.connections.get(this.#link.backend).bus;
  }
}

/** What a dispatch hook put beside the payload. */
function headersOf({ metadata }: ReadPacket): { readonly headers?: Readonly<Record<string, string>> } {
  return metadata === undefined ? {} : { headers: metadata };
}
