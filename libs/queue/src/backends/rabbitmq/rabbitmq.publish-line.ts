import type { ConfirmChannel } from 'amqplib';
import { encodePublish, FrameBytes, roomFor } from './rabbitmq.frame-bytes.js';
import type { Parcel } from './rabbitmq.sending.js';

/** What the driver has behind a channel, and does not tell of in its types. */
interface Inside {
  readonly ch?: number;
  readonly connection?: {
    readonly frameMax?: number;
    readonly channels?: readonly ({ readonly buffer?: Pipe } | null | undefined)[];
  };
}

interface Pipe {
  /** false: no more until `drain`. */
  write(bytes: Buffer): boolean;
}

/** As much as is joined into one piece. */
const PIECE_BYTES = 128 * 1024;

/**
 * Writes publishes to a channel. The driver makes nine objects and four buffers of each one, and gives each to the socket by
 * itself; the plain ones of a turn are written as one piece instead, where the driver would have put them. All others go through the
 * driver, and so does everything when it is not the driver that we know.
 */
export class PublishLine {
  readonly #channel: ConfirmChannel;
  readonly #number: number;
  readonly #frameMax: number;
  readonly #pipe: Pipe | undefined;
  #parcels: Parcel[] = [];
  #room = 0;
  #isRoomLeft = true;

  constructor(channel: ConfirmChannel) {
    const { ch = 0, connection } = channel as unknown as Inside;
    this.#channel = channel;
    this.#number = ch;
    this.#frameMax = connection?.frameMax ?? 0;
    this.#pipe = connection?.channels?.[ch]?.buffer;
  }

  /** Not yet on its way: see `flush`. Throws what the driver says of a message that cannot be written. */
  write(parcel: Parcel): void {
    const room = this.#pipe && roomFor(parcel, this.#frameMax);
    if (room === undefined) return this.#publish(parcel);
    if (this.#room + room > PIECE_BYTES) this.#send();
    this.#parcels.push(parcel);
    this.#room += room;
  }

  /** Everything written is on its way now. false: no more until the channel emits `drain`. */
  flush(): boolean {
    this.#send();
    const isRoomLeft = this.#isRoomLeft;
    this.#isRoomLeft = true;
    return isRoomLeft;
  }

  #publish({ frame, address }: Parcel): void {
    this.#send();
    const { exchange, routingKey } = address;
    const isRoomLeft = this.#channel.publish(exchange, routingKey, frame.content, frame.options);
    this.#isRoomLeft &&= isRoomLeft;
  }

  #send(): void {
    if (this.#parcels.length === 0 || this.#pipe === undefined) return;
    const bytes = new FrameBytes(this.#room);
    for (const parcel of this.#parcels) encodePublish(bytes, this.#number, parcel);
    this.#parcels = [];
    this.#room = 0;
    const isRoomLeft = this.#pipe.write(bytes.written);
    this.#isRoomLeft &&= isRoomLeft;
  }
}
