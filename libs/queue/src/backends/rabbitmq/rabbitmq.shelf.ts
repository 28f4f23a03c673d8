import type { Channel, ConsumeMessage } from 'amqplib';
import { type CancelTimer, type Clock, sleep } from '../../ambient/clock.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { ignore } from './rabbitmq.dial.js';
import { idOf } from './rabbitmq.delivery.js';
import {
  codeOf,
  NOT_FOUND,
  type RabbitErrors,
  RabbitTimeoutError,
  RESOURCE_LOCKED,
} from './rabbitmq.errors.js';
import { numberIn, textIn, WIRE } from './rabbitmq.wire.js';

export interface ShelfParts {
  readonly queue: string;
  /** Name of a queue that only the one who looks has. */
  readonly lock: string;
  readonly connection: RabbitConnection;
  readonly errors: RabbitErrors;
  readonly clock: Clock;
  readonly commandTimeoutMs: number;
}

/** Most letters that are in hand at once. */
const MOST = 10_000;
/** After a removal the rest stays in hand for so long, since another removal often follows; but not for ever. */
const IDLE_MS = 150;
const LONGEST_MS = 1_000;
const LOOK_AGAIN_MS = 25;

/**
 * The dead letters of one subscription. AMQP cannot look without taking, so they are taken, all of them, and given back
 * before a look ends. A lock keeps others waiting meanwhile, so that nobody misses what somebody else has in hand.
 */
export class RabbitShelf {
  readonly #parts: ShelfParts;
  #channel: Channel | undefined;
  #inHand: ConsumeMessage[] = [];
  #takenAt = 0;
  #cancelReturn: CancelTimer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ShelfParts) {
    this.#parts = parts;
  }

  /** Those that the broker does not count as ready. */
  get inHand(): number {
    return this.#inHand.length;
  }

  /** All of them, oldest first by publication. */
  look(): Promise<readonly ConsumeMessage[]> {
    return this.#alone(async () => {
      await this.#take();
      const letters = [...this.#inHand].sort(byAge);
      await this.#putBack();
      return letters;
    });
  }

  /** For ever. Answers how many of them there were. */
  remove(isOne: (letter: ConsumeMessage) => boolean): Promise<number> {
    return this.#alone(async () => {
      const channel = this.#inHand.some(isOne) ? this.#channel : await this.#take();
      const doomed = new Set(this.#inHand.filter(isOne));
      for (const letter of doomed) channel?.ack(letter);
      this.#inHand = this.#inHand.filter((letter) => !doomed.has(letter));
      if (this.#parts.clock.mono() - this.#takenAt > LONGEST_MS) await this.#putBack();
      return doomed.size;
    });
  }

  /** Everything in hand is on the broker again. */
  close(): Promise<void> {
    return this.#alone(() => this.#putBack());
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#last.then(() => this.#run(work));
    this.#last = running.catch(ignore);
    return running;
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#cancelReturn?.();
    this.#cancelReturn = undefined;
    try {
      return await work();
    } catch (error) {
      await this.#putBack().catch(ignore);
      throw this.#parts.errors.unavailable('look at dead letters', error);
    } finally {
      if (this.#channel !== undefined)
        this.#cancelReturn = this.#parts.clock.timer(IDLE_MS, () => void this.close().catch(ignore));
    }
  }

  /** Takes what the broker says is there. undefined: there is no such queue. */
  async #take(): Promise<Channel | undefined> {
    const { queue, clock, commandTimeoutMs } = this.#parts;
    await this.#putBack();
    const channel = await this.#locked();
    const inHand: ConsumeMessage[] = (this.#inHand = []);
    const endsAt = clock.mono() + commandTimeoutMs;
    this.#takenAt = clock.mono();
    try {
      const { messageCount } = await channel.checkQueue(queue);
      await channel.prefetch(MOST);
      await channel.consume(queue, (letter) => void (letter !== null && inHand.push(letter)));
      while (inHand.length < Math.min(messageCount, MOST)) {
        if (clock.mono() > endsAt) throw new RabbitTimeoutError(commandTimeoutMs);
        await channel.checkQueue(queue);
      }
      return channel;
    } catch (error) {
      if (codeOf(error) !== NOT_FOUND) throw error;
      const other = await this.#open(); // an ephemeral subscription has no dead letters until it has one
      await other.deleteQueue(this.#parts.lock);
      await this.#leave(other);
      return undefined;
    }
  }

  async #locked(): Promise<Channel> {
    const { lock, clock, commandTimeoutMs } = this.#parts;
    const endsAt = clock.mono() + commandTimeoutMs;
    for (;;) {
      const channel = await this.#open();
      try {
        await channel.assertQueue(lock, { exclusive: true, durable: false });
        return channel;
      } catch (error) {
        if (codeOf(error) !== RESOURCE_LOCKED) throw error;
        if (clock.mono() > endsAt) throw new RabbitTimeoutError(commandTimeoutMs);
        await sleep(clock, LOOK_AGAIN_MS);
      }
    }
  }

  /** Closing the channel gives back what was taken, in its order; the lock goes when the broker has it again. */
  async #putBack(): Promise<void> {
    const { queue, lock, clock } = this.#parts;
    const left = this.#inHand.length;
    const taken = this.#channel;
    this.#inHand = [];
    if (taken === undefined) return;
    await this.#leave(taken);
    const channel = await this.#open();
    for (let looks = LONGEST_MS / LOOK_AGAIN_MS; looks > 0; looks--) {
      if ((await channel.checkQueue(queue)).messageCount >= left) break;
      await sleep(clock, LOOK_AGAIN_MS);
    }
    await channel.deleteQueue(lock);
    await this.#leave(channel);
  }

  async #leave(channel: Channel): Promise<void> {
    if (this.#channel === channel) this.#channel = undefined;
    await channel.close().catch(ignore);
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
function byAge(one: ConsumeMessage, other: ConsumeMessage): number {
  return publishedAt(one) - publishedAt(other) || compareRefs(refOf(one), refOf(other));
}

function compareRefs(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : 1);
}

function publishedAt({ properties }: ConsumeMessage): number {
  return numberIn(properties.headers, WIRE.publishedAt) ?? 0;
}

/** Names a dead letter. One that the broker itself put there has no name of ours: its id must do. */
export function refOf(letter: ConsumeMessage): string {
  return textIn(letter.properties.headers, WIRE.ref) ?? idOf(letter);
}
