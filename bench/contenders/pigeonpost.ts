import type { Backend, OpenedBackend } from '../../libs/queue/src/backend/backend.ts';
import type { MessageHandler } from '../../libs/queue/src/consume/handler.ts';
import type { Consumer } from '../../libs/queue/src/consume/consumer.ts';
import type { Bus } from '../../libs/queue/src/publish/bus.ts';
import type { Workload } from '../contender.ts';
import { loadCore } from '../library.ts';
import type { Meter } from '../meter.ts';
import { Countdown, publishAll } from '../traffic.ts';

export const TOPIC = 'bench.message';
const SUBSCRIPTION = 'bench';
const DRAIN_MS = 5_000;

export interface Subscribing {
  readonly concurrency: number;
  readonly handle: (data: unknown) => unknown;
  /** The backend has confirmed what became of one message. */
  readonly settled: () => void;
}

/** The library as an application has it: a bus, and consumers with the default policies and every station. */
export class Pigeonpost {
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

  static async open(
    opening: (
      ambient: (typeof import('../../libs/queue/src/ambient/ambient.ts'))['systemAmbient'],
    ) => Promise<OpenedBackend>,
  ): Promise<Pigeonpost> {
    const core = await loadCore();
    const opened = await opening(core.systemAmbient);
    await opened.backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    return new Pigeonpost(core, opened);
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

/** Handles and acknowledges what `fill` has published; the meter starts when the warm-up is through. */
export async function measureConsumer(load: Workload, meter: Meter, post: Pigeonpost): Promise<void> {
  const settled = new Countdown(load.warmup + load.messages);
  let handled = 0;
  const handle = async (): Promise<void> => {
    if (++handled === load.warmup) meter.start();
  };
  await post.subscribe({ concurrency: load.concurrency, handle, settled: () => settled.tick() });
  await settled.done;
  meter.stop(load.messages);
}

/** Publishes what a consume phase will find; not measured. */
export function fill(load: Workload, post: Pigeonpost): Promise<void> {
  const wide = { ...load, concurrency: 500 };
  return publishAll(wide, load.warmup + load.messages, (data) => post.bus.publish(TOPIC, data));
}

function confirm(kind: string, result: unknown, settled: () => void): void {
  if (kind !== 'ack' || result !== 'ok') throw new Error(`a message ended as ${kind}: ${String(result)}`);
  settled();
}

function fault(_subscription: string, doing: string, error: unknown): void {
  console.error(`could not ${doing}:`, error);
}
