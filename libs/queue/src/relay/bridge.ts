import type { Ambient } from '../ambient/ambient.js';
import { sleep } from '../ambient/clock.js';
import type { Backend, Receiver } from '../backend/backend.js';
import type { KeyOrder } from '../backend/key-order.js';
import type { Outgoing } from '../message/outgoing.js';
import { LoopGuard } from './loop-guard.js';
import { type DeliveryItem, ReceiverSource } from './receiver-source.js';
import { Relay } from './relay.js';
import type { RelayReport } from './relay-report.js';
import type { RelayResult } from './relay-source.js';
import { withMessage } from './with-message.js';

export interface BridgeOptions {
  /** For reports and failure records. */
  readonly name: string;
  readonly from: Backend;
  /** On `from`: it exists, and is the bridge's own. Processes that run the same bridge share it. */
  readonly subscription: string;
  readonly topics: readonly string[];
  /** What its subscription was given; undefined: none. */
  readonly order?: KeyOrder | undefined;
  readonly to: Backend;
  /** Where everything goes; default: the topic it comes from. */
  readonly topic?: string | undefined;
  /** The message to publish instead; undefined drops it. */
  readonly change?: ((message: Outgoing) => Outgoing | undefined) | undefined;
  readonly ratePerSecond?: number | undefined;
  /** See LoopGuardOptions. */
  readonly maxHops?: number | undefined;
  readonly ambient: Ambient;
  /** `hostname:pid`, for failure records. */
  readonly host: string;
  readonly observe?: ((report: RelayReport, results: readonly RelayResult[]) => void) | undefined;
  /** The first of several failures in a row. */
  readonly fault?: ((error: unknown) => void) | undefined;
}

const LEASE_MS = 20_000;
const BATCH = 256;

/** Moves what is published on one backend to another one, at least once, with the same id. */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #stop = new AbortController();
  #relay: Relay<DeliveryItem> | undefined;
  #receiver: Receiver | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** Undefined before it is started. */
  get report(): RelayReport | undefined {
    return this.#relay?.report;
  }

  /** Opens the subscription and begins to move. Rejects when it cannot be opened. */
  async start(): Promise<void> {
    const { from, subscription, topics, order } = this.#options;
    const leaseMs = leaseOf(from);
    this.#receiver = await from.open({ name: subscription, topics, leaseMs, order });
    if (this.#stop.signal.aborted) return this.#receiver.close(); // drained before it was open
    this.#relay = this.#makeRelay(this.#receiver, leaseMs);
    this.#running = this.#relay.run(this.#stop.signal);
  }

  /** Takes nothing more, and waits for the batch under way, but no longer than `deadlineMs`. Never rejects. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stop.abort();
    const over = new AbortController();
    const ended = this.#running
      .then(() => this.#receiver?.close())
      .catch((error: unknown) => this.#options.fault?.(error))
      .then(() => over.abort());
    await Promise.race([ended, sleep(this.#options.ambient.clock, deadlineMs, over.signal)]);
  }

  #makeRelay(receiver: Receiver, leaseMs: number): Relay<DeliveryItem> {
    const { name, from, to, ambient, host, maxHops, ratePerSecond, observe, fault } = this.#options;
    const { batch } = from.capabilities;
    return new Relay({
      name,
      source: new ReceiverSource({ name: `bridge ${name}`, receiver, clock: ambient.clock, host }),
      target: to,
      ambient,
      change: this.#change(),
      loopGuard: new LoopGuard({ from: from.name, to: to.name, ...(maxHops !== undefined && { maxHops }) }),
      batch: Math.min(BATCH, batch.receive, batch.settle),
      timeoutMs: leaseMs / 2,
      ratePerSecond,
      observe,
      fault,
    });
  }

  #change(): ((message: Outgoing) => Outgoing | undefined) | undefined {
    const { topic, change } = this.#options;
    if (topic === undefined) return change;
    return (given) => {
      const message = withMessage(given, { topic });
      return change === undefined ? message : change(message);
    };
  }
}

/** Twice as long as a batch may take, so that nobody else gets what is still under way. */
function leaseOf({ capabilities: { lease } }: Backend): number {
  return lease === false ? LEASE_MS : Math.min(LEASE_MS, lease.maxMs);
}
