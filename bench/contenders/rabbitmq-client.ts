import { brokerOf, loadPeer, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

interface Consumer {
  on(event: 'ready' | 'error', listener: (error?: unknown) => void): void;
  close(): Promise<void>;
}

interface RabbitClient {
  readonly Connection: new (url: string) => {
    queueDeclare(queue: object): Promise<unknown>;
    createPublisher(options: object): {
      send(envelope: object, body: unknown): Promise<void>;
      close(): Promise<void>;
    };
    createConsumer(options: object, run: (message: { readonly body: unknown }) => unknown): Consumer;
    close(): Promise<void>;
  };
}

async function open(load: Workload): Promise<RemoteQueue> {
  const { Connection } = await loadPeer<RabbitClient>('rabbitmq-client');
  const { url, name: queue } = brokerOf(load);
  const connection = new Connection(url);
  const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
  await connection.queueDeclare({ queue, ...queueOptions });
  const publisher = connection.createPublisher({ confirm: true });
  let consumer: Consumer | undefined;
  // It writes a string as plain text; this way it comes back parsed, as with everybody else.
  const envelope = { routingKey: queue, durable: true, contentType: 'application/json' };
  const publish = (data: unknown) => publisher.send(envelope, Buffer.from(JSON.stringify(data)));
  return {
    publish,
    publishMany: (all) => Promise.all(all.map(publish)),
    subscribe: ({ concurrency, handle, settled }: Subscribing) => {
      const options = { queue, queueOptions, concurrency, qos: { prefetchCount: concurrency } };
      const opened = connection.createConsumer(options, async ({ body }) => {
        await handle(body);
        settled();
      });
      consumer = opened;
      return new Promise<void>((resolve, reject) => {
        opened.on('ready', () => resolve());
        opened.on('error', reject);
      });
    },
    // Acknowledges when the handler's promise is through, and on its way out.
    flush: () => consumer?.close(),
    close: async () => {
      await Promise.all([consumer?.close(), publisher.close()]);
      await connection.close();
    },
  };
}

/** rabbitmq-client. */
export const { contender, ends } = remote('rabbitmq-client', open);
