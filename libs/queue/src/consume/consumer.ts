import { sleep } from '../ambient/clock.js';
import type { Receiver } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { describeError } from '../message/error-info.js';
import { ShutdownError } from '../interceptors/handling.errors.js';
import { noCounts, type OutcomeCounts } from '../interceptors/observe.station.js';
import { BoundedReceiver } from './bounded-receiver.js';
import { Brakes } from './brakes.js';
import { checkStore } from './build-pipeline.js';
import type { ConsumerOptions, ConsumerStatus } from './consumer-options.js';
import { Demand } from './demand.js';
import { Intake } from './intake.js';
import { Lanes } from './lanes.js';
import { slotsFor } from './slots.js';
import { WatchedReceiver } from './watched-receiver.js';

/** What is left of a drain's deadline for handlers that were told to stop, and for the last settlements. */
const ABORT_GRACE_MS = 1_000;

/** A receive ends at once when it is told to; over a broken connection some need longer than anybody should wait. */
const RECEIVE_END_MS = 2_000;

/**
 * Takes the deliveries of one subscription. `run` is the only loop: room → receive → lanes. After a full batch there is
 * more: the next one is asked for before the handlers start, so that the broker works while they do.
 */
export class Consumer {
  readonly #demand: Demand;
  readonly #brakes: Brakes;
  readonly #counts: OutcomeCounts = noCounts();
  readonly #stop = new AbortController();
  #intake: Intake | undefined;
  #receiver: Receiver | undefined;
  #watched: WatchedReceiver | undefined;
  #lanes: Lanes | undefined;
  #loop: Promise<void> = Promise.resolve();
  #drained: Promise<void> | undefined;
  #state: ConsumerStatus['state'] = 'new';
  /** A message that may have ended a process is about: one at a time, so that it takes nobody with it. */
  #careful = false;
  /** Monotonic ms. */
  #receivedAt: number | undefined;
  #lastError: string | undefined;
  #roomMade: (() => void) | undefined;

  /** Throws MissingStoreError. */
  constructor(private readonly options: ConsumerOptions) {
    checkStore(options);
    this.#demand = new Demand(
      slotsFor(options.handler, options.policies.concurrency),
      options.policies.prefetch,
    );
    this.#brakes = new Brakes({
      consumer: options,
      lanes: () => this.#lanes,
      hold: () => this.#hold(),
      free: () => this.#free(),
      fault: (doing, error) => this.#fault(doing, error),
    });
  }

  /** Opens the subscription and starts to take. Rejects when it cannot be opened. */
  async start(): Promise<void> {
    const opened = await this.#open();
    const receiver = new BoundedReceiver(opened, this.options.backend.capabilities.batch);
    if (this.#stop.signal.aborted) return receiver.close(); // drained before it was open
    const lanes = new Lanes({
      consumer: this.options,
      receiver,
      counts: this.#counts,
      brakes: this.#brakes,
      freed: () => this.#freed(),
      fault: (doing, error) => this.#fault(doing, error),
    });
    const { ambient } = this.options;
    this.#intake = new Intake({
      receiver,
      ambient,
      fault: (error) => this.#fault('receive messages', error),
    });
    this.#receiver = receiver;
    lanes.concurrency = this.#demand.concurrency; // may have been changed before there were lanes
    this.#lanes = lanes;
    lanes.paused = this.#state === 'paused'; // the same
    if (!lanes.paused) this.#state = 'running';
    this.#brakes.start();
    this.#loop = this.#run(lanes);
  }

  async #open(): Promise<Receiver> {
    const { backend, subscription: name, topics, policies, watch, ambient } = this.options;
    const order = backend.capabilities.order === 'key' ? policies.order : undefined;
    const open = (): Promise<Receiver> => backend.open({ name, topics, leaseMs: policies.leaseMs, order });
    if (watch === undefined) return open();
    const { withinMs, probe } = watch;
    this.#watched = await WatchedReceiver.open({
      ambient,
      open,
      withinMs,
      held: () => this.#lanes?.held() ?? [],
      ready: async () => (await probe.readNow(name))?.ready,
      fault: (doing, error) => this.#fault(doing, error),
    });
    return this.#watched;
  }

  async #run(lanes: Lanes): Promise<void> {
    while (await this.#room(lanes)) {
      const coming = this.#receive(lanes);
      await nextTurn(); // it leaves before handlers take the time of this process
      lanes.start();
      this.#hand(await coming, lanes);
      if (!this.#demand.isFull) lanes.start();
    }
  }

  /** Waits until there is something to ask for. false: the consumer is stopping. */
  async #room(lanes: Lanes): Promise<boolean> {
    if (this.#asking(lanes) === 0) {
      lanes.start();
      await nextTurn();
    }
    while (!this.#stop.signal.aborted && this.#asking(lanes) === 0) {
      await new Promise<void>((resolve) => (this.#roomMade = resolve));
    }
    return !this.#stop.signal.aborted;
  }

  /** How many deliveries to ask for now. */
  #asking(lanes: Lanes): number {
    if (lanes.paused) return 0;
    const { running, waiting } = lanes;
    const alone = running + waiting === 0 ? 1 : 0;
    const wanted = this.#careful ? alone : this.#demand.next(running, waiting);
    return this.#brakes.limit(wanted, running, waiting);
  }

  async #receive(lanes: Lanes): Promise<readonly Delivery[]> {
    const { clock } = this.options.ambient;
    const max = this.#asking(lanes);
    if (max === 0 || this.#intake === undefined) return []; // paused since there was room
    const batch = await this.#intake.receive(max, () => {
      this.#demand.asked(max, clock.mono());
      lanes.settler.flush(); // in the same turn as the receive: a backend makes one round trip of both
    });
    this.#demand.got(batch.length);
    return batch;
  }

  #hand(batch: readonly Delivery[], lanes: Lanes): void {
    const suspects = batch.some((delivery) => delivery.crashes > 0);
    const inCompany = suspects && !this.#careful;
    // In company a suspect is not run: everything goes back, and they come again one by one until none is left.
    this.#careful = suspects || (this.#careful && batch.length === 0);
    if (inCompany) lanes.giveBackWaiting();
    const receivedAt = this.options.ambient.clock.mono();
    if (batch.length > 0) this.#receivedAt = receivedAt;
    for (const delivery of batch) {
      if (inCompany || this.#takesNothing(lanes)) lanes.giveBack(delivery, receivedAt);
      else lanes.accept(delivery, receivedAt);
    }
    if (suspects && lanes.waiting > 0) this.#brakes.askForSolo();
  }

  #takesNothing(lanes: Lanes): boolean {
    return lanes.paused || this.#stop.signal.aborted || this.#brakes.isHeld;
  }

  /** Nothing is taken for now: the receive under way brings nothing more, and what waits goes back. */
  #hold(): void {
    this.#intake?.cut();
    this.#lanes?.giveBackWaiting();
  }

  #free(): void {
    this.#lanes?.start();
    this.#makeRoom();
  }

  /** Takes nothing more until `resume`; what runs, runs on; what waits goes back, uncounted. */
  pause(): void {
    if (this.#state !== 'running' && this.#state !== 'new') return;
    this.#state = 'paused';
    if (this.#lanes === undefined) return; // it will begin with it
    this.#lanes.paused = true;
    this.#hold();
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = this.#lanes === undefined ? 'new' : 'running';
    if (this.#lanes === undefined) return;
    this.#lanes.paused = false;
    this.#makeRoom();
  }

  /** Takes effect as handlers end or messages come. Throws InvalidPolicyError. */
  setConcurrency(concurrency: number): void {
    this.#demand.concurrency = slotsFor(this.options.handler, concurrency);
    if (this.#lanes === undefined) return;
    this.#lanes.concurrency = this.#demand.concurrency;
    this.#free();
  }

  /**
   * Stops intake at once, gives back what has not started, and lets running handlers end. Near the deadline their
   * signals abort; what is unfinished then is given back, uncounted. Never rejects; later calls join the first.
   */
  drain(deadlineMs: number): Promise<void> {
    this.#drained ??= this.#drain(deadlineMs);
    return this.#drained;
  }

  async #drain(deadlineMs: number): Promise<void> {
    const [receiver, lanes] = [this.#receiver, this.#lanes];
    this.#state = 'draining';
    this.#stop.abort();
    this.#intake?.cut();
    this.#makeRoom();
    if (receiver !== undefined && lanes !== undefined) {
      lanes.giveBackWaiting();
      const graceMs = Math.min(ABORT_GRACE_MS, deadlineMs / 2);
      const stepMs = graceMs / 5;
      const asked = this.#within(RECEIVE_END_MS, this.#loop);
      await this.#within(deadlineMs - graceMs, Promise.all([asked, lanes.idle()]));
      if (lanes.running > 0) await this.#cutShort(lanes, stepMs);
      lanes.giveBackWaiting();
      await this.#within(stepMs, lanes.settler.idle());
      await this.#within(stepMs, receiver.close());
      await this.#within(stepMs, this.#brakes.stop());
      lanes.stop();
    }
    this.#state = 'stopped';
  }

  async #cutShort(lanes: Lanes, graceMs: number): Promise<void> {
    lanes.abortAll(new ShutdownError('the process is stopping and the time for running handlers is over'));
    await this.#within(graceMs, lanes.idle());
    await this.#within(graceMs, lanes.abandonAll());
  }

  /** Waits for `work`, but no longer than `ms`; that it fails does not keep the rest from being closed. */
  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const done = work.catch((error: unknown) => this.#fault('drain', error)).then(() => over.abort());
    await Promise.race([done, sleep(this.options.ambient.clock, ms, over.signal)]);
  }

  status(): ConsumerStatus {
    return {
      subscription: this.options.subscription,
      backend: this.options.backend.name,
      state: this.#state,
      running: this.#lanes?.running ?? 0,
      buffered: this.#lanes?.waiting ?? 0,
      stuck: this.#lanes?.stuck ?? 0,
      careful: this.#careful,
      lastReceivedAt: this.#lastReceivedAt(),
      wedgedForMs: this.#watched?.wedgedForMs,
      rebuilds: this.#watched?.rebuilds ?? 0,
      counts: { ...this.#counts },
      circuit: this.#brakes.circuitState,
      lastError: this.#lastError,
    };
  }

  #lastReceivedAt(): number | undefined {
    const { clock } = this.options.ambient;
    return this.#receivedAt === undefined
      ? undefined
      : Math.round(clock.now() - (clock.mono() - this.#receivedAt));
  }

  /** Wakes the loop only when there is something to ask for: this runs for every message. */
  #freed(): void {
    this.#brakes.ended();
    if (this.#roomMade !== undefined && this.#lanes !== undefined && this.#asking(this.#lanes) > 0)
      this.#makeRoom();
  }

  #makeRoom(): void {
    const made = this.#roomMade;
    this.#roomMade = undefined;
    made?.();
  }

  #fault(doing: string, error: unknown): void {
    this.#lastError = describeError(error).message;
    this.options.listener.fault(this.options.subscription, doing, error);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
