import { PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import { Solo } from '../../consume/solo.js';
import type { MessageContext } from '../../interceptors/message-context.js';
import { describeError } from '../../message/error-info.js';
import { Bus } from '../../publish/bus.js';
import type { PublishOptions } from '../../publish/publish-options.js';
import type { BehaviourHost } from './behave.js';
import { LinkedStore, SimulatedLink } from './link.js';
import { type SimulatedAmbient, simulatedAmbient } from './process-ambient.js';
import { type ConsumerHome, SimulatedConsumer } from './simulated-consumer.js';
import { TOPIC } from './simulated-subscriptions.js';
import type { Surroundings } from './surroundings.js';
import { Wire } from './wire.js';

const PUBLISH_TIMEOUT_MS = 1_000;

/** One life of one process: the library's own bus and consumers, on a clock and a wire of their own. */
export class SimulatedProcess implements ConsumerHome {
  readonly bus: Bus;
  readonly wire: Wire;
  readonly ambient: SimulatedAmbient;
  readonly link: SimulatedLink;
  readonly store: LinkedStore;
  readonly solo = new Solo();
  #isAlive = true;
  #frozenSince: number | undefined;
  #frozenMs = 0;
  #unanswered = 0;
  #started = 0;
  readonly #consumers = new Map<string, SimulatedConsumer>();

  constructor(
    readonly name: string,
    readonly around: Surroundings,
  ) {
    const { scheduler, random, witness, broker, faults } = around;
    this.ambient = simulatedAmbient(scheduler, name, Math.floor(random.next() * 2 ** 32));
    const note = (fault: string): void => witness.note(`${name}: ${fault}`);
    this.wire = new Wire({ scheduler, owner: name, random, faults, note });
    this.link = new SimulatedLink(broker.backend, this.wire, scheduler);
    this.store = new LinkedStore(broker.store, this.wire);
    this.bus = new Bus({
      backend: this.link,
      source: 'urn:simulation',
      ambient: this.ambient,
      publishTimeoutMs: PUBLISH_TIMEOUT_MS,
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** It can be asked to do something. */
  get isResponsive(): boolean {
    return this.#isAlive && this.#frozenSince === undefined;
  }

  get frozenMs(): number {
    return this.#frozenMs;
  }

  /** Publishes without an answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  get consumers(): readonly SimulatedConsumer[] {
    return [...this.#consumers.values()];
  }

  publish(id: string, options: Pick<PublishOptions, 'delay' | 'priority' | 'key'> = {}): void {
    const { witness } = this.around;
    const told = (outcome: 'stored' | 'refused' | 'unknown'): void => {
      this.#unanswered--;
      witness.says({ kind: 'told', process: this.name, id, outcome });
    };
    this.#unanswered++;
    witness.says({ kind: 'asked', process: this.name, id });
    this.bus.publish(TOPIC, { id }, { id, ...options }).then(
      () => told('stored'),
      (error: unknown) => told(error instanceof PublishOutcomeUnknownError ? 'unknown' : 'refused'),
    );
  }

  consumer(subscription: string): SimulatedConsumer | undefined {
    return this.#consumers.get(subscription);
  }

  /** One consumer per subscription at a time. */
  start(subscription: string): void {
    if (this.#consumers.get(subscription)?.isOver === false) return;
    const consumer = new SimulatedConsumer(
      `${this.name}/${subscription}/${++this.#started}`,
      subscription,
      this,
    );
    this.#consumers.set(subscription, consumer);
    consumer.start();
  }

  /** The oldest dead letter; that the wire fails is an answer. */
  async replay(subscription: string): Promise<void> {
    const { witness } = this.around;
    const letters = this.bus.deadLetters(subscription);
    try {
      const [first] = await letters.browse({ limit: 1 });
      if (first === undefined) return;
      await letters.replay(first.id);
      witness.note(`${this.name} replayed ${first.id} to ${subscription}`);
    } catch (error) {
      witness.note(`${this.name} could not replay to ${subscription}: ${describeError(error).message}`);
    }
  }

  /** kill -9: nothing of this life runs again, and nothing of it reaches the broker. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.wire.isCut = true;
    this.around.scheduler.kill(this.name);
    this.link.hangUp();
    this.around.witness.note(`${this.name} is dead`);
  }

  freeze(): void {
    this.#frozenSince ??= this.around.scheduler.nowMs;
    this.around.scheduler.freeze(this.name);
  }

  thaw(): void {
    this.#frozenMs += this.around.scheduler.nowMs - (this.#frozenSince ?? this.around.scheduler.nowMs);
    this.#frozenSince = undefined;
    this.around.scheduler.thaw(this.name);
  }

  host({ signal }: MessageContext): BehaviourHost {
    return {
      clock: this.ambient.clock,
      random: this.ambient.random,
      signal,
      kill: () => this.kill(),
      publish: () => this.publish(this.around.nextId()),
    };
  }
}
