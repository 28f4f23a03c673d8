import { redisBackend, type RedisOptions } from '@pigeonpost/queue/redis';
import type { OpenedBackend } from '@pigeonpost/queue';
import { realTime, testAmbient } from '@pigeonpost/queue/testing';
import { removeKeys } from './remove-keys.js';

const CLOSE_WITHIN_MS = 2_000;
let prefixes = 0;

/** Opens backends that share one part of a server, and frees all of it. */
export class OpenedBackends {
  readonly prefix = `spec-${process.pid}-${++prefixes}`;
  readonly time = realTime();
  readonly ambient = testAmbient(this.time.clock, prefixes);
  readonly #opened: Required<OpenedBackend>[] = [];

  constructor(
    readonly url: string,
    private readonly options: Partial<RedisOptions> = {},
  ) {}

  async open(more: Partial<RedisOptions> = {}): Promise<Required<OpenedBackend>> {
    const options = { url: this.url, prefix: this.prefix, ...this.options, ...more };
    const opened = (await redisBackend.open('events', options, this.ambient)) as Required<OpenedBackend>;
    this.#opened.push(opened);
    return opened;
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    for (const { backend, store } of this.#opened.splice(0)) {
      await backend.close(new Date(this.ambient.clock.now() + CLOSE_WITHIN_MS));
      await store.close();
    }
  }

  /** The same, and removes what they have left. */
  async dispose(): Promise<void> {
    await this.close();
    await removeKeys(this);
  }
}
