import type { Channel, ConsumeMessage } from 'amqplib';
import type { Ambient } from '../../ambient/ambient.js';
import { type CancelTimer, sleep } from '../../ambient/clock.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import { AckLine } from './rabbitmq.acks.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { ignore } from './rabbitmq.dial.js';
import { codeOf, NOT_FOUND, type RabbitErrors } from './rabbitmq.errors.js';
import { Fifo } from './rabbitmq.fifo.js';
import type { RabbitStatus } from './rabbitmq.status.js';

export interface InflowParts {
  readonly queue: string;
  readonly connection: RabbitConnection;
  readonly ambient: Ambient;
  readonly errors: RabbitErrors;
  readonly status: RabbitStatus;
  /** Makes a message of somebody else look like one of ours; undefined where none can come. */
  readonly adopt: ((message: ConsumeMessage) => void) | undefined;
  /** Something came. */
  readonly arrived: () => void;
  /** The channel is gone, and everything that came over it is the broker's again. */
  readonly lost: () => void;
  /** What came and is not wanted any more. */
  readonly unwanted: (messages: readonly ConsumeMessage[]) => void;
  /** The queue was deleted: makes it again, or rejects. */
  readonly restore: () => Promise<void>;
}

/** Largest prefetch that AMQP can write down. */
const LARGEST = 65_535;
/** With more consumers than this, one takes the place of all. */
const MOST_CONSUMERS = 12;
/** Long enough for a broker to push what it has room for. */
const QUIET_MS = 20;

/**
 * One channel whose prefetch follows what is wanted: the broker pushes no more than that. A consumer keeps the prefetch
 * that it was begun with, so that more is wanted by one more consumer. None is ended without need: a quorum queue counts
 * what it pushes in the moment of a cancel as if its consumer had crashed.
 */
export class RabbitInflow {
  readonly #parts: InflowParts;
  readonly #arrivals = new Fifo<ConsumeMessage>();
  #channel: Channel | undefined;
  #acks: AckLine | undefined;
  #epoch = 0;
  #tags: string[] = [];
  /** Of all consumers together. */
  #prefetch = 0;
  #wanted = 0;
  #isWorking = false;
  #working: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #cancelRetry: CancelTimer | undefined;
  #closed = false;

  constructor(parts: InflowParts) {
    this.#parts = parts;
    parts.connection.onUp(this.#workAnew);
  }

  /** Rises when the channel is another one. */
  get epoch(): number {
    return this.#epoch;
  }

  get arrivals(): Fifo<ConsumeMessage> {
    return this.#arrivals;
  }

  /** undefined while there is no channel. */
  get acks(): AckLine | undefined {
    return this.#acks;
  }

  /** How many unsettled messages the broker may give us in all, those that it has given included. 0: none. */
  want(total: number): void {
    this.#wanted = Math.min(total, LARGEST);
    if (this.#wanted > this.#prefetch || (total === 0 && this.#prefetch > 0)) this.#work();
  }

  /** Resolves when nothing comes any more, or when it is lost anyway. */
  async stopped(): Promise<void> {
    while (this.#isWorking) await this.#working;
  }

  /** Resolves when the broker knows, and has read what was told before. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#parts.connection.offUp(this.#workAnew);
    this.#cancelRetry?.();
    const channel = this.#channel;
    this.#forget();
    await channel?.close().catch(ignore);
  }

  /** On a new connection, whose own delay was enough. */
  readonly #workAnew = (): void => {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#work();
  };

  /** Until there is what is wanted. */
  readonly #work = (): void => {
    if (this.#isWorking || this.#closed || this.#cancelRetry !== undefined || this.#isSettled) return;
    if (this.#parts.connection.model === undefined) return; // called again when it is up
    this.#isWorking = true;
    this.#working = this.#try();
  };

  async #try(): Promise<void> {
    try {
      await this.#step();
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
    }
    this.#isWorking = false;
    this.#work();
  }

  get #isSettled(): boolean {
    if (this.#wanted === 0) return this.#tags.length === 0;
    return this.#wanted <= this.#prefetch;
  }

  async #step(): Promise<void> {
    const channel = this.#channel ?? (await this.#open());
    if (this.#wanted === 0 || this.#tags.length === MOST_CONSUMERS) await this.#stop(channel);
    const more = this.#wanted - this.#prefetch;
    if (more <= 0) return;
    await channel.prefetch(more);
    const { consumerTag } = await channel.consume(this.#parts.queue, (message) =>
      message === null ? this.#cancelled(channel) : this.#brought(channel, message),
    );
    if (this.#channel !== channel) return;
    this.#tags.push(consumerTag);
    this.#prefetch += more;
    this.#parts.status.worked();
  }

  async #stop(channel: Channel): Promise<void> {
    const tags = this.#tags;
    const prefetch = this.#prefetch;
    this.#tags = [];
    this.#prefetch = 0;
    if (tags.length > 0) await this.#cancel(channel, tags, prefetch);
    if (this.#wanted === 0 || this.#wanted < this.#arrivals.length)
      this.#parts.unwanted(this.#arrivals.drain());
  }

  /** First everything comes that may come: what is under way when a consumer ends counts as a crash. */
  async #cancel(channel: Channel, tags: readonly string[], prefetch: number): Promise<void> {
    const acks = this.#acks;
    acks?.hold();
    try {
      if (acks !== undefined && acks.unacked < prefetch) await sleep(this.#parts.ambient.clock, QUIET_MS);
      await Promise.all(tags.map((tag) => channel.cancel(tag)));
    } finally {
      acks?.resume();
    }
  }

  async #open(): Promise<Channel> {
    const { connection } = this.#parts;
    if (connection.model === undefined) throw connection.downError('consume');
    const channel = await connection.model.createChannel();
    channel.on('error', (error) =>
      this.#parts.status.failed(this.#parts.errors.unavailable('consume', error)),
    );
    channel.on('close', () => {
      if (this.#channel !== channel) return;
      this.#forget();
      this.#parts.lost();
      this.#work();
    });
    this.#channel = channel;
    this.#acks = new AckLine(channel);
    this.#epoch++;
    return channel;
  }

  #brought(channel: Channel, message: ConsumeMessage): void {
    if (this.#channel !== channel) return;
    this.#parts.adopt?.(message);
    this.#acks?.add(message);
    this.#arrivals.push(message);
    this.#parts.arrived();
  }

  /** By the broker: the queue was deleted, or its leader moved. */
  #cancelled(channel: Channel): void {
    if (this.#channel !== channel) return;
    this.#tags = [];
    this.#prefetch = 0;
    this.#work();
  }

  #forget(): void {
    this.#channel = undefined;
    this.#acks = undefined;
    this.#tags = [];
    this.#prefetch = 0;
    this.#epoch++;
    this.#arrivals.drain();
  }

  #failed(error: unknown): void {
    const { status, errors, ambient } = this.#parts;
    status.failed(errors.unavailable('consume', error));
    const delayMs = reconnectDelayMs(++this.#failures, ambient.random);
    this.#cancelRetry = ambient.clock.timer(delayMs, () => {
      const restoring = codeOf(error) === NOT_FOUND ? this.#parts.restore() : Promise.resolve();
      void restoring
        .catch((failure: unknown) => status.failed(errors.unavailable('make the queue again', failure)))
        .finally(() => {
          this.#cancelRetry = undefined;
          this.#work();
        });
    });
  }
}
