import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

interface Message {
  readonly content: Buffer;
}

interface ChannelWrapper {
  waitForConnect(): Promise<void>;
  sendToQueue(queue: string, data: unknown, options: object): Promise<unknown>;
  consume(queue: string, run: (message: Message) => unknown, options: object): Promise<unknown>;
  ack(message: Message): void;
  close(): Promise<void>;
}

interface ConnectionManager {
  connect(urls: readonly string[]): {
    createChannel(options: object): ChannelWrapper;
    close(): Promise<void>;
  };
}

interface RawChannel {
  assertQueue(queue: string, options: object): Promise<unknown>;
}

async function open(load: Workload): Promise<RemoteQueue> {
  const { connect } = await loadPeer<ConnectionManager>('amqp-connection-manager');
  const { url, name } = brokerOf(load);
  const connection = connect([url]);
  const setup = (channel: RawChannel): Promise<unknown> =>
    channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  const channel = connection.createChannel({ json: true, setup });
  await channel.waitForConnect();
  const publish = (data: unknown) => channel.sendToQueue(name, data, { persistent: true });
  return {
    publish,
    publishMany: (all) => Promise.all(all.map(publish)),
    subscribe: ({ concurrency, handle, settled }: Subscribing) =>
      channel.consume(
        name,
        async (message) => {
          await handle(JSON.parse(message.content.toString()));
          channel.ack(message);
          settled();
        },
        { prefetch: concurrency },
      ),
    close: async () => {
      await channel.close();
      await connection.close();
    },
  };
}

/** amqp-connection-manager over amqplib. */
export const { contender, ends } = remote('rabbitmq-acm', open);
