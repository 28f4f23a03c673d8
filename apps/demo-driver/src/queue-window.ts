import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus, QueueError, QueueModule, type BackendConfig, type Peeked } from '@pigeonpost/queue';
import { SUBSCRIPTIONS, TOPOLOGY } from '../../demo-contract/src/index.js';
import type { PutMessage } from './evidence.js';
import type { RawMessage } from './poison.js';

const AGAIN_MS = 300;

class WindowModule {}

/** The driver's own look into the queue, past both services: it puts foreign bytes in, and counts what lies there. */
export class QueueWindow {
  readonly #bus: Bus;

  private constructor(
    private readonly context: INestApplicationContext,
    /** Whether the broker knows exactly how many messages it has, and who holds them. */
    readonly counts: boolean,
  ) {
    this.#bus = context.get(Bus, { strict: false });
  }

  static async open(backends: readonly BackendConfig[]): Promise<QueueWindow> {
    const queue = QueueModule.forRoot({
      source: 'urn:pigeonpost:demo-driver',
      backends,
      consume: false,
      topology: TOPOLOGY,
    });
    const root = { module: WindowModule, imports: [queue] };
    const context = await NestFactory.createApplicationContext(root, { logger: ['error', 'warn'] });
    return new QueueWindow(context, backends[0]?.driver !== 'rabbitmq');
  }

  /** Until the queue has taken it. */
  async put(message: RawMessage, signal: AbortSignal): Promise<PutMessage> {
    const { topic, id, body } = message;
    for (let unavailable = 0; ; unavailable++) {
      try {
        await this.#bus.publishRaw(topic, body, { id });
        return { ...message, unavailable };
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        await sleep(AGAIN_MS, undefined, { signal });
      }
    }
  }

  /** Messages that are still to be handled, in all subscriptions. undefined: the queue does not answer. */
  async pending(): Promise<number | undefined> {
    try {
      const depths = await this.#bus.depth();
      return depths.reduce((sum, { ready, delayed, inflight }) => sum + ready + delayed + inflight, 0);
    } catch (error) {
      if (error instanceof QueueError) return undefined;
      throw error;
    }
  }

  /** Messages that a consumer holds right now, or held when it was killed. undefined: the broker does not tell. */
  async inFlight(): Promise<number | undefined> {
    if (!this.counts) return undefined;
    return (await this.#bus.depth()).reduce((sum, { inflight }) => sum + inflight, 0);
  }

  async deadLetters(): Promise<readonly Peeked[]> {
    const pages = SUBSCRIPTIONS.map((subscription) =>
      this.#bus.deadLetters(subscription).browse({ limit: 10_000 }),
    );
    return (await Promise.all(pages)).flat();
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
