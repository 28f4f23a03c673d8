import type { Channel } from 'amqplib';
import type { Clock } from '../../ambient/clock.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { ignore } from './rabbitmq.dial.js';
import { codeOf, NOT_FOUND, type RabbitErrors, RabbitTimeoutError } from './rabbitmq.errors.js';

export interface AdminParts {
  readonly connection: RabbitConnection;
  readonly clock: Clock;
  readonly errors: RabbitErrors;
  readonly commandTimeoutMs: number;
}

/**
 * One channel for declaring and looking, with one task on it at a time: the broker closes a channel for a question
 * about what is not there, and whatever else was on its way there would fail with it.
 */
export class RabbitAdmin {
  readonly #parts: AdminParts;
  #channel: Channel | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /** Throws BackendUnavailableError, or what `work` throws for a reason of its own. */
  run<T>(doing: string, work: (channel: Channel) => Promise<T>): Promise<T> {
    const running = this.#last.then(() => this.#run(doing, work));
    this.#last = running.catch(ignore);
    return running;
  }

  /** The same; undefined when something that it names does not exist. */
  async find<T>(doing: string, work: (channel: Channel) => Promise<T>): Promise<T | undefined> {
    return this.run(doing, async (channel) => {
      try {
        return await work(channel);
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return undefined;
        throw error;
      }
    });
  }

  async #run<T>(doing: string, work: (channel: Channel) => Promise<T>): Promise<T> {
    const { connection, errors } = this.#parts;
    if (connection.model === undefined) throw connection.downError(doing);
    try {
      return await this.#within(this.#open().then(work));
    } catch (error) {
      throw errors.unavailable(doing, error);
    }
  }

  async #open(): Promise<Channel> {
    const { model } = this.#parts.connection;
    if (this.#channel !== undefined || model === undefined) return this.#channel as Channel;
    const channel = await model.createChannel();
    channel.on('error', ignore); // whoever waits is told
    channel.on('close', () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    this.#channel = channel;
    return channel;
  }

  /** A channel that does not answer is left, since the answer may yet come and be taken for another one. */
  async #within<T>(work: Promise<T>): Promise<T> {
    const { clock, commandTimeoutMs } = this.#parts;
    let cancel = ignore;
    const late = new Promise<never>((_resolve, reject) => {
      cancel = clock.timer(commandTimeoutMs, () => {
        this.#leave();
        reject(new RabbitTimeoutError(commandTimeoutMs));
      });
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }

  #leave(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    void channel?.close().catch(ignore);
  }
}
