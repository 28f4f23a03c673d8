import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus, QueueModule, type BackendConfig, type Peeked } from '@pigeonpost/queue';
import { SUBSCRIPTIONS, TOPOLOGY } from '../../demo-contract/src/index.js';
import type { RawMessage } from './poison.js';

class WindowModule {}

/** The driver's own look into the queue, past both services: it puts foreign bytes in, and counts what lies there. */
export class QueueWindow {
  readonly #bus: Bus;

  private constructor(private readonly context: INestApplicationContext) {
    this.#bus = context.get(Bus, { strict: false });
  }

  static async open(backend: BackendConfig): Promise<QueueWindow> {
    const queue = QueueModule.forRoot({
      source: 'urn:pigeonpost:demo-driver',
      backends: [backend],
      consume: false,
      topology: TOPOLOGY,
    });
    const options = { logger: ['error', 'warn'] as ('error' | 'warn')[] };
    return new QueueWindow(
      await NestFactory.createApplicationContext({ module: WindowModule, imports: [queue] }, options),
    );
  }

  async put({ topic, id, body }: RawMessage): Promise<void> {
    await this.#bus.publishRaw(topic, body, { id });
  }

  /** Messages that are still to be handled, in all subscriptions. */
  async pending(): Promise<number> {
    const depths = await this.#bus.depth();
    return depths.reduce((sum, { ready, delayed, inflight }) => sum + ready + delayed + inflight, 0);
  }

  /** Messages that a consumer holds right now, or held when it was killed. */
  async inFlight(): Promise<number> {
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
