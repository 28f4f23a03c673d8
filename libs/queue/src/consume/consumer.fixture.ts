import type { Backend, Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { DepthProbe } from '../backend/depth-probe.js';
import type { Depth, MessageState, Peeked } from '../backend/inspect.js';
import { memoryBackend } from '../backends/memory/index.js';
import type { Delivery } from '../message/delivery.js';
import type { FailureRecord } from '../message/failure-record.js';
import { QueueError } from '../message/queue-error.js';
import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { Replier } from '../interceptors/replier.js';
import type { MessageContext } from '../interceptors/message-context.js';
import { fixed } from '../policies/backoff.js';
import { type ConsumePolicies, resolvePolicies } from '../policies/consume.policies.js';
import { DEFAULT_RETRY, type RetryPolicy } from '../policies/retry.policy.js';
import { Bus } from '../publish/bus.js';
import type { Store } from '../store/store.js';
import { ProcessView } from '../testing/process-view.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import type { MessageHandler } from './handler.js';
import type { SubscriptionTopology } from '../backend/topology.js';
import { Consumer } from './consumer.js';
import { Solo } from './solo.js';

export const WORK = { name: 'work', topics: ['orders'] } as const;

export interface ConsumerSetup {
  readonly handle?: (context: MessageContext) => unknown;
  /** In the place of `handle`. */
  readonly handler?: MessageHandler;
  readonly policies?: Partial<Omit<ConsumePolicies, 'retry'>>;
  readonly retry?: Partial<RetryPolicy>;
  readonly interceptors?: readonly MessageInterceptor[];
  readonly backend?: Backend;
  readonly store?: Store | 'none';
  /** Shared by the consumers of one process. Default: a process of its own. */
  readonly solo?: Solo;
  /** Default: WORK. */
  readonly of?: SubscriptionTopology;
  readonly replier?: Replier;
  /** Its receiver is watched: within so many ms a wedged one is replaced. */
  readonly watchMs?: number;
}

class TimerLeftError extends QueueError {
  readonly code = 'timer_left';
}

/** A memory backend on a virtual clock, with a bus and consumers, and notes of what they did. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly ambient = testAmbient(this.clock);
  /** `kind id`, or `kind id: result` where the broker did not say ok. */
  readonly settled: string[] = [];
  readonly faults: string[] = [];
  backend!: Backend;
  store!: Store;
  bus!: Bus;
  readonly #consumers: Consumer[] = [];

  static async open(): Promise<Scene> {
    const scene = new Scene();
    const opened = await memoryBackend.open('main', {}, scene.ambient);
    scene.backend = opened.backend;
    scene.store = opened.store as Store;
    await scene.backend.ensure({ subscriptions: [WORK] }, 'create');
    scene.bus = new Bus({ backend: scene.backend, source: 'urn:test', ambient: scene.ambient });
    return scene;
  }

  async publish(...ids: string[]): Promise<void> {
    for (const id of ids) await this.bus.publish('orders', { id }, { id });
  }

  /** Started at once. */
  async consume(setup: ConsumerSetup): Promise<Consumer> {
    const consumer = this.consumer(setup);
    await consumer.start();
    return consumer;
  }

  consumer({
    handle = () => undefined,
    handler,
    policies,
    retry,
    interceptors = [],
    backend,
    store = this.store,
    solo = new Solo(),
    of = WORK,
    replier = this.bus.replier,
    watchMs,
  }: ConsumerSetup): Consumer {
    const consumer = new Consumer({
      backend: backend ?? this.backend,
      store: store === 'none' ? undefined : store,
      subscription: of.name,
      topics: of.topics,
      solo,
      handler: handler ?? { name: 'Orders.onOrder', handle },
      interceptors,
      policies: resolvePolicies('Orders.onOrder', {
        leaseMs: 30_000,
        ...policies,
        retry: { ...DEFAULT_RETRY, attempts: 3, backoff: fixed(100), ...retry },
      }),
      ambient: this.ambient,
      host: 'here:1',
      replier,
      watch: watchMs === undefined ? undefined : { withinMs: watchMs, probe: this.#probe(backend) },
      listener: {
        settled: (handling, act, result) => {
          this.settled.push(`${act.kind} ${handling.id}${result === 'ok' ? '' : `: ${String(result)}`}`);
          this.bus.settled(act, result);
        },
        fault: (_subscription, doing) => void this.faults.push(doing),
      },
    });
    this.#consumers.push(consumer);
    return consumer;
  }

  #probe(backend = this.backend): DepthProbe {
    return new DepthProbe(backend, this.clock, 0);
  }

  until(condition: () => boolean, maxMs = 60_000): Promise<void> {
    return this.clock.runUntil(condition, maxMs);
  }

  /** Drains while time passes; answers how long it took. */
  async drain(consumer: Consumer, deadlineMs = 5_000): Promise<number> {
    const from = this.clock.mono();
    let done = false;
    void consumer.drain(deadlineMs).then(() => (done = true));
    await this.until(() => done, deadlineMs + 1);
    return this.clock.mono() - from;
  }

  async dead(): Promise<readonly Peeked[]> {
    return this.bus.deadLetters(WORK.name).browse();
  }

  /** Messages of the subscription by state. */
  async depth(): Promise<Pick<Depth, Exclude<MessageState, 'held'>>> {
    const [{ ready, delayed, inflight, dead }] = (await this.bus.depth(WORK.name)) as [Depth];
    return { ready, delayed, inflight, dead };
  }

  /** To be called by each test. Throws TimerLeftError when what was closed left a timer behind. */
  async close(): Promise<void> {
    for (const consumer of this.#consumers) await this.drain(consumer);
    await this.bus.close();
    await this.backend.close(new Date(this.clock.now()));
    if (this.clock.pending > 0) throw new TimerLeftError(`${this.clock.pending} timers were left behind`);
  }

  /** One delivery of each message that dies with its process: what is left is a crash to be counted. */
  async crashOn(...ids: string[]): Promise<void> {
    const process = new ProcessView(this.backend);
    const receiver = await process.open({ ...WORK, leaseMs: 1_000 });
    const never = new AbortController().signal;
    for (let taken = 0; taken < ids.length;) taken += (await receiver.receive(ids.length, never)).length;
    process.kill();
    await this.clock.advance(1_000);
  }
}

/** A handler's end in the hands of the test. */
export class Gate {
  #open!: () => void;
  #fail!: (error: unknown) => void;
  readonly passed = new Promise<void>((resolve, reject) => {
    this.#open = resolve;
    this.#fail = reject;
  });

  open(): void {
    this.#open();
  }

  fail(error: unknown): void {
    this.#fail(error);
  }
}

/** Answers what it is told to, and notes what it was asked. */
export class NotingReceiver implements Receiver {
  readonly calls: (readonly Settlement[])[] = [];
  /** By call, the last one repeats; an Error is thrown. */
  answers: ((acts: readonly Settlement[]) => readonly SettleResult[] | Promise<readonly SettleResult[]>)[] = [
    (acts) => acts.map(() => 'ok'),
  ];

  receive(): Promise<readonly Delivery[]> {
    return Promise.resolve([]);
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    this.calls.push(acts);
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    return (answer as (typeof this.answers)[0])(acts);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** `kind id` of everything asked, by call. */
  get asked(): string[][] {
    return this.calls.map((acts) => acts.map(({ kind, delivery }) => `${kind} ${delivery.id}`));
  }
}

export const FAILURE: FailureRecord = {
  attempt: 1,
  at: 0,
  reason: 'handler_error',
  error: { name: 'Error', message: 'no' },
  handler: 'Orders.onOrder',
  host: 'here:1',
};
