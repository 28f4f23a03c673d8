import type { Clock } from '../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { ACK, RELEASE, type Outcome } from '../message/outcome.js';
import type { QueueError } from '../message/queue-error.js';
import { currentHandling, enterHandling } from '../interceptors/current.js';
import { Handling } from '../interceptors/handling.js';
import type { OutcomeCounts } from '../interceptors/observe.station.js';
import type { Brakes } from './brakes.js';
import { buildPipeline } from './build-pipeline.js';
import type { ConsumerOptions } from './consumer-options.js';
import { EarlyAcks } from './early-acks.js';
import type { MessageHandler } from './handler.js';
import { HandlingQueue } from './handling-queue.js';
import { intercepted } from './intercepted.js';
import { LeaseKeeper } from './lease-keeper.js';
import { outcomeOfThrown } from './outcome-of.js';
import type { Pipeline } from './pipeline.js';
import { settlementFor } from './settle.js';
import { Settler } from './settler.js';
import { isThenable } from './thenable.js';

export interface LanesOptions {
  readonly consumer: ConsumerOptions;
  readonly receiver: Receiver;
  readonly counts: OutcomeCounts;
  readonly brakes: Brakes;
  /** Called when a delivery was taken or a lane ended: there may be room for more. */
  readonly freed: () => void;
  readonly fault: (doing: string, error: unknown) => void;
}

/**
 * The deliveries that a consumer holds, and the lanes that handle them. There are at most `concurrency` lanes; each
 * takes one delivery after the other: stations in, handler, stations out, settle.
 */
export class Lanes {
  readonly settler: Settler;
  concurrency: number;
  paused = false;
  #running = 0;
  #stuck = 0;
  readonly #waiting = new HandlingQueue();
  readonly #leases: LeaseKeeper;
  readonly #pipeline: Pipeline;
  readonly #handler: MessageHandler;
  readonly #brakes: Brakes;
  readonly #clock: Clock;
  /** Only of a subscription that is handled at most once. */
  readonly #early: EarlyAcks | undefined;
  #idle: (() => void) | undefined;

  constructor(private readonly options: LanesOptions) {
    const { consumer, receiver, counts } = options;
    this.#brakes = options.brakes;
    this.concurrency = consumer.policies.concurrency;
    this.#clock = consumer.ambient.clock;
    this.#handler = intercepted(consumer.handler, consumer.interceptors);
    this.#leases = new LeaseKeeper({
      clock: this.#clock,
      receiver,
      policies: consumer.policies,
      abandon: (handling, outcome) => void this.#abandon(handling, outcome),
      late: (error) => options.fault('keep its leases', error),
    });
    this.settler = new Settler({
      clock: this.#clock,
      receiver,
      settled: (handling, act, result) => this.#settled(handling, act, result),
    });
    const early = consumer.policies.delivery === 'at-most-once' ? new EarlyAcks() : undefined;
    this.#early = early;
    this.#pipeline = buildPipeline(consumer, {
      counts,
      circuit: options.brakes.verdicts,
      watch: (handling) => this.#leases.held.watch(handling),
      acknowledge: early && ((handling) => early.acknowledge(handling, this.settler)),
    });
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get stuck(): number {
    return this.#stuck;
  }

  /** Everything that was received and has no answer to its settlement yet. */
  *held(): Iterable<Delivery> {
    for (const { delivery } of this.#leases.held) yield delivery;
  }

  accept(delivery: Delivery, receivedAt: number): void {
    this.#waiting.push(this.#hold(delivery, receivedAt));
  }

  /** Back to the broker, unstarted and uncounted. */
  giveBack(delivery: Delivery, receivedAt: number): void {
    this.#finish(this.#hold(delivery, receivedAt), RELEASE);
  }

  giveBackWaiting(): void {
    this.#handler.giveBack?.();
    for (let handling = this.#waiting.shift(); handling !== undefined; handling = this.#waiting.shift()) {
      this.#finish(handling, RELEASE);
    }
    this.options.freed();
  }

  /** Starts as many lanes as there is work and room for. */
  start(): void {
    const outer = currentHandling();
    while (
      this.#running < this.concurrency &&
      this.#waiting.size > 0 &&
      !this.paused &&
      this.#brakes.mayStart()
    ) {
      this.#running++;
      void this.#lane();
    }
    enterHandling(outer);
  }

  /** Resolves when no handler runs any more. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Tells every running handler to stop. */
  abortAll(reason: QueueError): void {
    for (const handling of this.#leases.held) handling.abort(reason);
  }

  /** Settles every handling whose handler has not ended as given back. Resolves when the stations are done with it. */
  async abandonAll(): Promise<void> {
    const leaving: Promise<void>[] = [];
    for (const handling of this.#leases.held) {
      const left = handling.finished ? undefined : this.#abandon(handling, RELEASE);
      if (left !== undefined) leaving.push(left);
    }
    await Promise.all(leaving);
  }

  stop(): void {
    this.settler.stop();
    this.#leases.held.stop();
  }

  async #lane(): Promise<void> {
    for (let handling = this.#take(); handling !== undefined; handling = this.#take()) {
      let decided = this.#pipeline.enter(handling);
      if (decided instanceof Promise) decided = await decided;
      if (decided === undefined && handling.abortReason !== undefined) decided = RELEASE; // while a station waited
      if (decided === undefined) {
        try {
          enterHandling(handling);
          const answer = (handling.route ?? this.#handler).handle(handling);
          handling.result = isThenable(answer) ? await answer : answer;
          decided = ACK;
        } catch (error) {
          decided = outcomeOfThrown(error);
        }
      }
      const leaving = this.#leave(handling, decided);
      if (leaving !== undefined) await leaving;
    }
    this.#running--;
    this.options.freed();
    if (this.#running === 0) this.#idle?.();
  }

  #take(): Handling | undefined {
    if (this.paused || this.#running > this.concurrency || !this.#brakes.mayStart()) return undefined;
    const handling = this.#waiting.shift();
    if (handling !== undefined) this.#brakes.starting();
    this.options.freed();
    return handling;
  }

  /** The way back; answers with a promise only when a station waits. */
  #leave(handling: Handling, decided: Outcome): Promise<void> | undefined {
    if (handling.finished) {
      this.#stuck--; // settled without its handler, which has ended only now
      return undefined;
    }
    const outcome = this.#pipeline.exit(handling, decided);
    if (outcome instanceof Promise) return this.#leaveLater(handling, outcome);
    this.#finish(handling, outcome);
    return undefined;
  }

  async #leaveLater(handling: Handling, pending: Promise<Outcome>): Promise<void> {
    const outcome = await pending;
    if (handling.finished) this.#stuck--;
    else this.#finish(handling, outcome);
  }

  /** The handler does not end although it was told to: its message goes on without it, its lane does not. */
  #abandon(handling: Handling, outcome: Outcome): Promise<void> | undefined {
    handling.finished = true;
    this.#stuck++;
    this.options.fault('end a handler', handling.abortReason);
    this.options.freed();
    const left = this.#pipeline.exit(handling, outcome);
    if (left instanceof Promise) return left.then((final) => this.#finish(handling, final));
    this.#finish(handling, left);
    return undefined;
  }

  #hold(delivery: Delivery, receivedAt: number): Handling {
    const handling = new Handling(delivery, this.options.consumer.backend.name, receivedAt);
    this.#leases.held.hold(handling);
    return handling;
  }

  #finish(handling: Handling, outcome: Outcome): void {
    handling.finished = true;
    if (handling.acknowledged)
      return this.#settled(handling, settlementFor(handling.delivery, ACK) as Settlement, 'ok');
    const settlement = settlementFor(handling.delivery, outcome);
    if (settlement === undefined) this.#leases.held.drop(handling);
    else this.settler.add(handling, settlement);
  }

  #settled(handling: Handling, settlement: Settlement, result: SettleResult): void {
    if (this.#early?.answered(handling, result) === true) return;
    this.#leases.held.drop(handling);
    if (typeof result !== 'string') this.options.fault(`settle a message (${settlement.kind})`, result);
    this.options.consumer.listener.settled(handling, settlement, result);
  }
}
