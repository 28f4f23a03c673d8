import { type ChannelModel, type ConfirmChannel, connect, type ConsumeMessage } from 'amqplib';
import { brokerOf, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

const PERSISTENT = { persistent: true };

/** amqplib and nothing around it: a quorum queue, confirms, and one acknowledgement for what one turn handles. */
class RawQueue implements RemoteQueue {
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #name: string;

  private constructor(connection: ChannelModel, channel: ConfirmChannel, name: string) {
    this.#connection = connection;
    this.#channel = channel;
    this.#name = name;
  }

  static async open(load: Workload): Promise<RawQueue> {
    const { url, name } = brokerOf(load);
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    return new RawQueue(connection, channel, name);
  }

  publish(data: unknown): Promise<unknown> {
    const body = Buffer.from(JSON.stringify(data));
    return new Promise<void>((resolve, reject) => {
      this.#channel.sendToQueue(this.#name, body, PERSISTENT, (error: Error | null) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  publishMany(all: readonly unknown[]): Promise<unknown> {
    return Promise.all(all.map((data) => this.publish(data)));
  }

  async subscribe({ concurrency, handle, settled }: Subscribing): Promise<void> {
    await this.#channel.prefetch(concurrency);
    const finished = new AckOfTurn(this.#channel, settled);
    const consume = async (message: ConsumeMessage): Promise<void> => {
      await handle(JSON.parse(message.content.toString()));
      finished.add(message);
    };
    await this.#channel.consume(this.#name, (message) => {
      if (message !== null) void consume(message);
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Handlers of the bench end in the order they began, so the last one of a turn stands for all. */
class AckOfTurn {
  readonly #channel: ConfirmChannel;
  readonly #settled: () => void;
  #last: ConsumeMessage | undefined;
  #count = 0;

  constructor(channel: ConfirmChannel, settled: () => void) {
    this.#channel = channel;
    this.#settled = settled;
  }

  add(message: ConsumeMessage): void {
    if (this.#last === undefined) setImmediate(() => this.#flush());
    this.#last = message;
    this.#count++;
  }

  #flush(): void {
    if (this.#last === undefined) return;
    this.#channel.ack(this.#last, true);
    this.#last = undefined;
    for (; this.#count > 0; this.#count--) this.#settled();
  }
}

/** The limit of what a RabbitMQ client can do. */
export const { contender, ends } = remote('rabbitmq-raw', (load) => RawQueue.open(load));
