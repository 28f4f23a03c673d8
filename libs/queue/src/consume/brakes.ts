import type { CancelTimer, Clock } from '../ambient/clock.js';
import type { CircuitVerdicts } from '../interceptors/circuit.station.js';
import type { QueueError } from '../message/queue-error.js';
import { SingleHolder } from '../store/single-holder.js';
import { Circuit, type CircuitState } from './circuit.js';
import type { ConsumerOptions } from './consumer-options.js';
import { RateLimit } from './rate-limit.js';
import { PROCESS_SOLO, type Solo, type SoloMember } from './solo.js';

export interface BrakesParts {
  readonly consumer: ConsumerOptions;
  /** From now on nothing may be taken: what has not started goes back. */
  readonly hold: () => void;
  /** undefined: not started. */
  readonly lanes: () => LanesView | undefined;
  /** There may be room again. */
  readonly free: () => void;
  readonly fault: (doing: string, error: unknown) => void;
}

/** What is at work, and what waits for its turn. */
export interface LanesView {
  readonly running: number;
  readonly waiting: number;
  readonly stuck: number;
}

/** What keeps a consumer from taking messages that it has slots for: a rate, an open circuit, somebody else's turn, a suspect. */
export class Brakes {
  readonly #clock: Clock;
  readonly #rate: RateLimit | undefined;
  readonly #circuit: Circuit | undefined;
  readonly #single: SingleHolder | undefined;
  readonly #solo: Solo;
  readonly #member: SoloMember;
  #cancelWait: CancelTimer | undefined;

  constructor(private readonly parts: BrakesParts) {
    const { ambient, policies } = parts.consumer;
    this.#clock = ambient.clock;
    this.#solo = parts.consumer.solo ?? PROCESS_SOLO;
    this.#member = {
      clock: ambient.clock,
      running: () => atWork(parts.lanes()),
      hold: parts.hold,
      free: parts.free,
    };
    this.#rate = policies.rate && new RateLimit(policies.rate);
    this.#circuit = policies.circuit && this.#makeCircuit(policies.circuit);
    this.#single = policies.single && this.#makeHolder(policies.single);
  }

  get circuitState(): CircuitState {
    return this.#circuit?.state ?? 'closed';
  }

  /** Whom the stations tell how attempts end. */
  get verdicts(): CircuitVerdicts | undefined {
    return this.#circuit;
  }

  start(): void {
    this.#solo.join(this.#member);
    this.#single?.start();
  }

  /** How many of `wanted` deliveries may be asked for now. */
  limit(wanted: number, running: number, waiting: number): number {
    if (wanted === 0 || this.isHeld) return 0;
    const passed = this.#circuit?.limit(wanted, running + waiting) ?? wanted;
    if (this.#rate === undefined) return passed;
    const room = this.#rate.room(this.#clock.mono()) - waiting;
    if (room <= 0) this.#waitForRoom(this.#rate);
    return Math.max(0, Math.min(passed, room));
  }

  /** What arrives now must go back. */
  get isHeld(): boolean {
    return (
      this.#circuit?.state === 'open' || this.#single?.holds === false || this.#solo.excludes(this.#member)
    );
  }

  /** Whether the next handler may start; `starting` is to be called when it does. */
  mayStart(): boolean {
    if (!this.#solo.allows(this.#member)) return false;
    if (this.#rate === undefined || this.#rate.room(this.#clock.mono()) > 0) return true;
    this.#waitForRoom(this.#rate);
    return false;
  }

  starting(): void {
    this.#rate?.started(this.#clock.mono());
  }

  /** A message is here that may have ended a process. */
  askForSolo(): void {
    this.#solo.ask(this.#member);
  }

  /** A handler has ended, or something was given back. */
  ended(): void {
    if (!this.#solo.isAsked) return;
    const lanes = this.parts.lanes();
    if (lanes !== undefined && atWork(lanes) + lanes.waiting === 0) this.#solo.done(this.#member);
    this.#solo.ended();
  }

  /** After the last handler. Never rejects. */
  async stop(): Promise<void> {
    this.#cancelWait?.();
    this.#circuit?.stop();
    this.#solo.leave(this.#member);
    await this.#single?.stop();
  }

  #stopFor(error: QueueError): void {
    this.parts.fault('go on', error);
    this.parts.hold();
  }

  #waitForRoom(rate: RateLimit): void {
    this.#cancelWait ??= this.#clock.timer(rate.waitMs(this.#clock.mono()), () => {
      this.#cancelWait = undefined;
      this.parts.free();
    });
  }

  #makeCircuit(policy: NonNullable<ConsumerOptions['policies']['circuit']>): Circuit {
    return new Circuit({
      clock: this.#clock,
      policy,
      opened: (error) => this.#stopFor(error),
      passable: this.parts.free,
    });
  }

  #makeHolder({ leaseMs }: NonNullable<ConsumerOptions['policies']['single']>): SingleHolder | undefined {
    const { store, ambient, subscription, host } = this.parts.consumer;
    return (
      store &&
      new SingleHolder({
        ambient,
        store,
        prefix: 'single',
        subscription,
        leaseMs,
        host,
        gained: this.parts.free,
        lost: (error) => this.#stopFor(error),
        fault: this.parts.fault,
      })
    );
  }
}

function atWork(lanes: LanesView | undefined): number {
  return lanes === undefined ? 0 : lanes.running - lanes.stuck;
}
