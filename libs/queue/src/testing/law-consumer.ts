import type { Clock } from '../ambient/clock.js';
import type { Backend, Settlement, SettleResult } from '../backend/backend.js';
import { DepthProbe } from '../backend/depth-probe.js';
import { BatchHandler } from '../consume/batch-handler.js';
import type { MessageHandler } from '../consume/handler.js';
import type { BatchContext } from '../interceptors/batch-context.js';
import { Consumer } from '../consume/consumer.js';
import { Solo } from '../consume/solo.js';
import type { CodecName } from '../message/codec.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import type { Handling } from '../interceptors/handling.js';
import type { MessageContext } from '../interceptors/message-context.js';
import { fixed } from '../policies/backoff.js';
import { type ConsumePolicies, resolvePolicies } from '../policies/consume.policies.js';
import { DEFAULT_RETRY, type RetryPolicy } from '../policies/retry.policy.js';
import { Bus } from '../publish/bus.js';
import { type LawBench, LEASE_MS, SUBSCRIPTION, TOPIC } from './law-bench.js';

export interface LawConsumerOptions {
  readonly handle?: (context: MessageContext) => unknown;
  /** In the place of `handle`: handles batches, of the size and time that the policies say. */
  readonly batch?: (batch: BatchContext) => unknown;
  readonly policies?: Partial<Omit<ConsumePolicies, 'retry'>>;
  readonly retry?: Partial<RetryPolicy>;
  /** The process it runs in; default: the law's own. */
  readonly process?: Backend;
  readonly subscription?: string;
  /** Shared by those that are one process. Default: a process of its own. */
  readonly solo?: Solo;
  /** The clock of its process; default: the law's own. */
  readonly clock?: Clock;
  /** Within so many ms a receiver that is wedged is replaced; default: nobody looks. */
  readonly watchMs?: number;
  /** Told of each delivery once it is settled. */
  readonly settled?: (handling: Pick<Handling, 'result'>) => void;
}

/** A real consumer as a law uses it: short leases, short waits, and notes of what it started, settled and suffered. */
export class LawConsumer {
  readonly consumer: Consumer;
  /** One entry per handler start, in order: the message id. */
  readonly starts: string[] = [];
  /** Kinds of settlement that the broker took. */
  readonly settled: string[] = [];
  readonly faults: string[] = [];

  constructor(bench: LawBench, options: LawConsumerOptions) {
    const { policies, process = bench.backend, subscription = SUBSCRIPTION } = options;
    const retry = { ...DEFAULT_RETRY, attempts: 3, backoff: fixed(50), ...options.retry };
    const resolved = resolvePolicies('Laws.handle', { leaseMs: LEASE_MS, raw: true, ...policies, retry });
    const { watchMs } = options;
    const given: ConsumerOptions = {
      backend: process,
      store: bench.store,
      subscription,
      topics: [TOPIC],
      handler: this.#handler(options, resolved, bench),
      interceptors: [],
      policies: resolved,
      ambient: { ...bench.ambient, ...(options.clock && { clock: options.clock }) },
      host: 'laws:1',
      solo: options.solo ?? new Solo(),
      watch: watchMs === undefined ? undefined : { withinMs: watchMs, probe: probeOf(process, bench) },
      listener: {
        settled: (handling, act: Settlement, result: SettleResult) => {
          options.settled?.(handling);
          this.settled.push(result === 'ok' ? act.kind : `${act.kind}: ${String(result)}`);
        },
        fault: (_subscription, doing) => void this.faults.push(doing),
      },
    };
    this.consumer = new Consumer(bench.altered(given));
  }

  #handler(
    { handle = () => undefined, batch }: LawConsumerOptions,
    { batch: policy, concurrency }: ConsumePolicies,
    { time }: LawBench,
  ): MessageHandler {
    const name = 'Laws.handle';
    if (policy === undefined)
      return { name, handle: (context) => this.#start([context], () => handle(context)) };
    const run = (of: BatchContext): unknown => this.#start(of.items, () => batch?.(of));
    return new BatchHandler({ name, clock: time.clock, policy, concurrency, run });
  }

  #start(items: readonly MessageContext[], handle: () => unknown): unknown {
    this.starts.push(...items.map(({ id }) => id));
    return handle();
  }

  startsOf(id: string): number {
    return this.starts.filter((started) => started === id).length;
  }
}

/** Never older counts than now: laws have little time. */
function probeOf(process: Backend, { time }: LawBench): DepthProbe {
  return new DepthProbe(process, time.clock, 0);
}

/** Starts a consumer that stops when the law is over. */
export async function consume(bench: LawBench, options: LawConsumerOptions): Promise<LawConsumer> {
  const running = new LawConsumer(bench, options);
  await running.consumer.start();
  bench.onEnd(() => drain(bench, running));
  return running;
}

/** Stops it, letting time pass as far as that takes. */
export async function drain(bench: LawBench, running: LawConsumer, deadlineMs = 2_000): Promise<void> {
  let drained = false;
  void running.consumer.drain(deadlineMs).then(() => (drained = true));
  await bench.time.until(() => drained, 2 * deadlineMs);
}

export function openBus(bench: LawBench, backend = bench.backend, codec?: CodecName): Bus {
  const bus = new Bus({ backend, source: 'urn:laws', ambient: bench.ambient, codec });
  bench.onEnd(() => bus.close());
  return bus;
}

/** A handler that ends when it is told to, or never. */
export class Latch {
  #open!: () => void;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));

  /** Waits until `open` was called. */
  pass(): Promise<void> {
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}
