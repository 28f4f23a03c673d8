import { Redis } from 'ioredis';
import { brokerOf, type Workload } from '../contender.ts';
import { type RemoteQueue, remote, type Subscribing } from '../remote.ts';

const GROUP = 'bench';
const CONSUMER = 'one';
const BLOCK_MS = 5_000;

type Entries = readonly (readonly [id: string, fields: readonly string[]])[];

/** A stream with a consumer group: an XADD each, read as they come. */
class StreamQueue implements RemoteQueue {
  readonly #redis: Redis;
  readonly #reader: Redis;
  readonly #stream: string;

  constructor(load: Workload) {
    const { url, name } = brokerOf(load);
    this.#redis = new Redis(url, { enableAutoPipelining: true });
    this.#reader = new Redis(url, { lazyConnect: true });
    this.#stream = name;
  }

  publish(data: unknown): Promise<unknown> {
    return this.#redis.xadd(this.#stream, '*', 'body', JSON.stringify(data));
  }

  publishMany(all: readonly unknown[]): Promise<unknown> {
    return Promise.all(all.map((data) => this.publish(data)));
  }

  async subscribe(subscribing: Subscribing): Promise<void> {
    await this.#redis.xgroup('CREATE', this.#stream, GROUP, '0', 'MKSTREAM');
    void this.#consume(subscribing).catch(() => {});
  }

  close(): void {
    this.#redis.disconnect();
    this.#reader.disconnect();
  }

  /** Until the connection ends. */
  async #consume({ concurrency, handle, settled }: Subscribing): Promise<void> {
    for (;;) {
      for (const [id, fields] of await this.#read(concurrency)) {
        await handle(JSON.parse(fields[1] ?? ''));
        void this.#redis.xack(this.#stream, GROUP, id).then(settled, () => {});
      }
    }
  }

  async #read(count: number): Promise<Entries> {
    const found = await this.#reader.xreadgroup(
      'GROUP',
      GROUP,
      CONSUMER,
      'COUNT',
      count,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      this.#stream,
      '>',
    );
    return (found as [string, Entries][] | null)?.[0]?.[1] ?? [];
  }
}

/** The bare way to hear at once of a message in Redis. */
export const { contender, ends } = remote('redis-stream', async (load) => new StreamQueue(load));
