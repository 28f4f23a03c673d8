import { type Channel, type ChannelModel, connect, type GetMessage, type Options } from 'amqplib';

let count = 0;

/** Somebody else on the same broker: exchanges, queues and messages of its own, by the bare driver. */
export class Others {
  readonly prefix = `others-${process.pid}-${++count}`;
  readonly #exchanges = new Set<string>();
  readonly #queues = new Set<string>();

  private constructor(
    private readonly model: ChannelModel,
    readonly channel: Channel,
  ) {}

  static async on(url: string): Promise<Others> {
    const model = await connect(url);
    return new Others(model, await model.createChannel());
  }

  async exchange(type: string, name = `${this.prefix}-${type}-${this.#exchanges.size}`): Promise<string> {
    await this.channel.assertExchange(name, type, { durable: true });
    this.#exchanges.add(name);
    return name;
  }

  async queue(exchange?: string, routingKey = '', headers: object = {}): Promise<string> {
    const name = `${this.prefix}-queue-${this.#queues.size}`;
    await this.channel.assertQueue(name, { durable: true });
    this.#queues.add(name);
    if (exchange !== undefined) await this.channel.bindQueue(name, exchange, routingKey, headers);
    return name;
  }

  send(exchange: string, routingKey: string, body: string, options: Options.Publish = {}): void {
    this.channel.publish(exchange, routingKey, Buffer.from(body), options);
  }

  /** The next message of a queue; undefined: it is empty. */
  async got(queue: string): Promise<GetMessage | undefined> {
    const message = await this.channel.get(queue, { noAck: true });
    return message === false ? undefined : message;
  }

  /** Takes an exchange away, and the bindings of everybody with it. */
  async remove(exchange: string): Promise<void> {
    await this.channel.deleteExchange(exchange);
  }

  async dispose(): Promise<void> {
    for (const name of this.#queues) await this.channel.deleteQueue(name);
    for (const name of this.#exchanges) await this.channel.deleteExchange(name);
    await this.model.close();
  }
}
