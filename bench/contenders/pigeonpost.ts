import type { Backend, OpenedBackend } from '../../libs/queue/src/backend/backend.ts';
import type { MessageHandler } from '../../libs/queue/src/consume/handler.ts';
import type { Consumer } from '../../libs/queue/src/consume/consumer.ts';
import type { Bus } from '../../libs/queue/src/publish/bus.ts';
import { loadBackend, loadCore } from '../library.ts';
import type { RemoteQueue, Subscribing } from '../remote.ts';

const TOPIC = 'bench.message';
const SUBSCRIPTION = 'bench';
const DRAIN_MS = 5_000;

/** The library as an application has it: a bus, and consumers with the default policies and every station. */
export class Pigeonpost implements RemoteQueue {
  readonly bus: Bus;
  readonly #core: Awaited<ReturnType<typeof loadCore>>;
  readonly #opened: OpenedBackend;
  readonly #consumers: Consumer[] = [];

  private constructor(core: Awaited<ReturnType<typeof loadCore>>, opened: OpenedBackend) {
    this.#core = core;
    this.#opened = opened;
    const { backend } = opened;
    this.bus = new core.Bus({ backend, source: 'urn:service:bench', ambient: core.systemAmbient });
  }

  /** @param driver as in the module's options, with these of its options and the defaults of the rest. */
  static async open(driver: string, options: object = {}): Promise<Pigeonpost> {
    const [core, factory] = await Promise.all([loadCore(), loadBackend(driver)]);
    const whole = Object.assign(new factory.optionsClass(), options);
    const opened = await factory.open(driver, whole, core.systemAmbient);
    await opened.backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    return new Pigeonpost(core, opened);
  }

  publish(data: unknown): Promise<unknown> {
    return this.bus.publish(TOPIC, data);
  }

  /** A bus has no other way for many: it joins what one turn publishes. */
  publishMany(all: readonly unknown[]): Promise<unknown> {
    return Promise.all(all.map((data) => this.publish(data)));
  }

  async subscribe({ concurrency, handle, settled }: Subscribing): Promise<Consumer> {
    const handler: MessageHandler = { name: 'Bench.handle', handle: (context) => handle(context.data) };
    const consumer = new this.#core.Consumer({
      backend: this.#opened.backend,
      store: this.#opened.store,
      subscription: SUBSCRIPTION,
      topics: [TOPIC],
      handler,
      interceptors: [],
      policies: this.#core.resolvePolicies(handler.name, { concurrency }),
      ambient: this.#core.systemAmbient,
      host: 'bench:1',
      listener: { settled: (_handling, act, result) => confirm(act.kind, result, settled), fault },
    });
    this.#consumers.push(consumer);
    await consumer.start();
    return consumer;
  }

  async close(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.drain(DRAIN_MS)));
    await this.bus.close();
    const backend: Backend = this.#opened.backend;
    await backend.close(new Date(Date.now() + DRAIN_MS));
    await this.#opened.store?.close();
  }
}

function confirm(kind: string, result: unknown, settled: () => void): void {
  if (kind !== 'ack' || result !== 'ok') throw new Error(`a message ended as ${kind}: ${String(result)}`);
  settled();
}

function fault(_subscription: string, doing: string, error: unknown): void {
  console.error(`could not ${doing}:`, error);
}
