import type { Channel, GetMessage } from 'amqplib';
import type { CancelTimer, Clock } from '../../ambient/clock.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { ignore } from './rabbitmq.dial.js';
import { codeOf, NOT_FOUND, type RabbitErrors } from './rabbitmq.errors.js';
import { idOf } from './rabbitmq.delivery.js';
import { numberIn, textIn, WIRE } from './rabbitmq.wire.js';

export interface ShelfParts {
  readonly queue: string;
  readonly connection: RabbitConnection;
  readonly errors: RabbitErrors;
  readonly clock: Clock;
}

/** For so long after the last look the letters stay in hand, so that a page or a purge need not take them again. */
const IN_HAND_MS = 2_000;

/**
 * The dead letters of one subscription. AMQP cannot look without taking, so they are taken, and given back in their order
 * a moment after nobody looks any more: until then, nobody else sees them.
 */
export class RabbitShelf {
  readonly #parts: ShelfParts;
  #channel: Channel | undefined;
  #inHand: GetMessage[] = [];
  #cancelReturn: CancelTimer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ShelfParts) {
    this.#parts = parts;
  }

  /** Those that the broker does not count as ready. */
  get inHand(): number {
    return this.#inHand.length;
  }

  /** All of them, oldest first by publication; at most `most` are taken at once. */
  look(most: number): Promise<readonly GetMessage[]> {
    return this.#alone(async (channel) => {
      for (let left = most; left > 0; left--) {
        const letter = await channel.get(this.#parts.queue);
        if (letter === false) break;
        this.#inHand.push(letter);
      }
      this.#inHand.sort(byAge);
      return [...this.#inHand];
    });
  }

  /** For ever. Answers how many of them there were. */
  remove(isOne: (letter: GetMessage) => boolean): Promise<number> {
    return this.#alone(async (channel) => {
      const doomed = this.#inHand.filter(isOne);
      for (const letter of doomed) channel.ack(letter);
      this.#inHand = this.#inHand.filter((letter) => !doomed.includes(letter));
      return doomed.length;
    });
  }

  /** Everything in hand is on the broker again. */
  putBack(): void {
    this.#cancelReturn?.();
    this.#cancelReturn = undefined;
    const channel = this.#channel;
    this.#channel = undefined;
    this.#inHand = [];
    void channel?.close().catch(ignore);
  }

  #alone<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const running = this.#last.then(() => this.#run(work));
    this.#last = running.catch(ignore);
    return running;
  }

  async #run<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    this.#cancelReturn?.();
    try {
      return await work(this.#channel ?? (await this.#open()));
    } catch (error) {
      this.putBack();
      if (codeOf(error) === NOT_FOUND) return await work(NO_LETTERS);
      throw this.#parts.errors.unavailable('look at dead letters', error);
    } finally {
      this.#cancelReturn = this.#parts.clock.timer(IN_HAND_MS, () => this.putBack());
    }
  }

  async #open(): Promise<Channel> {
    const { connection } = this.#parts;
    if (connection.model === undefined) throw connection.downError('look at dead letters');
    const channel = await connection.model.createChannel();
    channel.on('error', ignore); // whoever waits is told
    channel.on('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#inHand = [];
    });
    this.#channel = channel;
    return channel;
  }
}

/** Of one millisecond, those of one publisher are in order by their names. */
function byAge(one: GetMessage, other: GetMessage): number {
  return publishedAt(one) - publishedAt(other) || compareRefs(refOf(one), refOf(other));
}

function compareRefs(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : 1);
}

function publishedAt({ properties }: GetMessage): number {
  return numberIn(properties.headers, WIRE.publishedAt) ?? 0;
}

/** An ephemeral subscription has no dead letters until it has one. */
const NO_LETTERS = { get: async () => false } as unknown as Channel;

/** Names a dead letter. One that the broker itself put there has no name of ours: its id must do. */
export function refOf(letter: GetMessage): string {
  return textIn(letter.properties.headers, WIRE.ref) ?? idOf(letter);
}
