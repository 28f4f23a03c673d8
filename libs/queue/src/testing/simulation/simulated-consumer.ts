import type { Backend } from '../../backend/backend.js';
import { Consumer } from '../../consume/consumer.js';
import type { Solo } from '../../consume/solo.js';
import type { Handling } from '../../interceptors/handling.js';
import type { MessageContext } from '../../interceptors/message-context.js';
import type { ConsumePolicies } from '../../policies/consume.policies.js';
import type { Store } from '../../store/store.js';
import { behave, type BehaviourHost } from './behave.js';
import type { SimulatedAmbient } from './process-ambient.js';
import { policiesOf, TOPIC } from './simulated-subscriptions.js';
import type { Surroundings } from './surroundings.js';

/** The process that a consumer runs in. */
export interface ConsumerHome {
  readonly name: string;
  readonly around: Surroundings;
  readonly ambient: SimulatedAmbient;
  readonly link: Backend;
  readonly store: Store;
  readonly solo: Solo;
  /** How long it was frozen in sum, in ms. */
  readonly frozenMs: number;
  /** What a handler may do to it. */
  host(context: MessageContext): BehaviourHost;
}

/** Longer than any handler that heeds its signal. */
export const DRAIN_MS = 2_000;
const OPEN_AGAIN_MS = 100;

/** One consumer of one life of a process, watched by the witness. */
export class SimulatedConsumer {
  readonly #consumer: Consumer;
  #running = 0;
  #allowed: number;
  #isOpen = false;
  #isOver = false;
  #isWedged = false;

  constructor(
    readonly name: string,
    subscription: string,
    private readonly home: ConsumerHome,
  ) {
    const { around, link: backend, store, ambient, solo } = home;
    const policies: ConsumePolicies = policiesOf(subscription);
    this.#allowed = policies.concurrency;
    const handler = {
      name: `Simulation.${subscription}`,
      handle: (context: MessageContext) => this.#handle(context),
    };
    const listener = { settled: () => undefined, fault: () => undefined };
    const options = {
      backend,
      store,
      subscription,
      topics: [TOPIC],
      handler,
      interceptors: [],
      policies,
      solo,
    };
    this.#consumer = new Consumer(around.alter({ ...options, ambient, host: home.name, listener }));
  }

  /** It was told to stop: another one may start. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** One of its handlers will never end, and keeps its slot. */
  get isWedged(): boolean {
    return this.#isWedged;
  }

  /** Tries until the broker lets it. */
  start(): void {
    if (this.#isOver) return;
    this.#consumer.start().then(
      () => (this.#isOpen = true),
      () => this.home.ambient.clock.timer(OPEN_AGAIN_MS, () => this.start()),
    );
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { witness, scheduler } = this.home.around;
    const awakeMs = (): number => scheduler.nowMs - this.home.frozenMs;
    const askedAt = awakeMs();
    void this.#consumer.drain(DRAIN_MS).then(() => {
      witness.says({ kind: 'drained', consumer: this.name, tookMs: awakeMs() - askedAt });
    });
  }

  pause(): void {
    if (this.#isOpen) this.#consumer.pause();
  }

  resume(): void {
    if (this.#isOpen) this.#consumer.resume();
  }

  setConcurrency(to: number): void {
    // What has been taken already may still start: it waits in a station.
    this.#allowed = Math.max(to, this.#consumer.status().running);
    this.#consumer.setConcurrency(to);
  }

  async #handle(context: MessageContext): Promise<void> {
    const behaviour = this.home.around.nextBehaviour();
    this.#isWedged ||= behaviour === 'hang';
    this.#running++;
    this.#says('started', context, behaviour);
    try {
      await behave(behaviour, this.home.host(context));
      this.#says('ended', context, 'ok');
    } catch (error) {
      this.#says('ended', context, 'failed');
      throw error;
    } finally {
      this.#running--;
    }
  }

  #says(kind: 'started' | 'ended', context: MessageContext, how: string): void {
    const { delivery } = context as Handling;
    const running = this.#running;
    this.home.around.witness.says({
      kind,
      how,
      consumer: this.name,
      delivery,
      running,
      allowed: this.#allowed,
    });
  }
}
