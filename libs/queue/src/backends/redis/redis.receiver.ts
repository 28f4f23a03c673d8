import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  PublishOutcomeUnknownError,
  UnknownSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { QueueError } from '../../message/queue-error.js';
import { Alarm } from './redis.alarm.js';
import type { RedisBell } from './redis.bell.js';
import { MAX_DELAY_MS, MAX_LEASE_MS } from './redis.capabilities.js';
import { RedisDelivery } from './redis.delivery.js';
import type { RedisLink } from './redis.link.js';
import {
  type Claimed,
  type OwnSettlement,
  RedisSteps,
  type StepSetup,
  type SubscriptionName,
} from './redis.steps.js';

/** How long an idle receive waits before it says so: what no hint told of is found then. */
const IDLE_WAIT_MS = 1_000;
const NOTHING: Claimed = { deliveries: [], dueInMs: Infinity };

export interface ReceiverSetup extends StepSetup {
  readonly bell: RedisBell;
  readonly isBackendClosed: () => boolean;
  /** The subscription as it is now. */
  readonly find: () => Promise<SubscriptionName | undefined>;
  /** Frees what goes with the receiver. */
  readonly onClose: () => Promise<void>;
}

export class RedisReceiver implements Receiver {
  readonly #setup: ReceiverSetup;
  readonly #ambient: Ambient;
  readonly #link: RedisLink;
  readonly #steps: RedisSteps;
  readonly #waiting = new Set<Alarm>();
  #unlisten: () => void;
  #claiming: Promise<unknown> = Promise.resolve();
  #closed = false;
  #ended: Promise<void> | undefined;

  constructor(setup: ReceiverSetup) {
    this.#setup = setup;
    this.#ambient = setup.ambient;
    this.#link = setup.link;
    this.#steps = new RedisSteps(setup);
    this.#unlisten = this.#listenTo(setup.subscription);
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly RedisDelivery[]> {
    const alarm = new Alarm(this.#ambient.clock);
    const ring = (): void => alarm.ring();
    this.#waiting.add(alarm);
    signal.addEventListener('abort', ring, { once: true });
    try {
      return await this.#takeWithin(max, signal, alarm);
    } finally {
      signal.removeEventListener('abort', ring);
      this.#waiting.delete(alarm);
    }
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return Promise.all(acts.map((act) => this.#settleOne(act)));
  }

  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  #close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    this.#ringAll();
    return this.#setup.onClose();
  }

  #isOver(signal: AbortSignal): boolean {
    return this.#closed || signal.aborted;
  }

  #ringAll(): void {
    for (const alarm of this.#waiting) alarm.ring();
  }

  async #takeWithin(max: number, signal: AbortSignal, alarm: Alarm): Promise<readonly RedisDelivery[]> {
    const { clock } = this.#ambient;
    const until = clock.mono() + IDLE_WAIT_MS;
    for (;;) {
      if (this.#isOver(signal) || !(max > 0)) return [];
      const claim = this.#claim(max);
      const found = await Promise.race([claim, alarm.wasToldToEnd(() => this.#isOver(signal))]);
      if (found === undefined) {
        claim.then((late) => this.#giveBack(late.deliveries)).catch(() => undefined);
        return [];
      }
      if (found.deliveries.length > 0) return found.deliveries;
      const leftMs = until - clock.mono();
      if (leftMs <= 0) return [];
      await alarm.wait(Math.min(leftMs, found.dueInMs));
    }
  }

  /** One after the other: each takes what is there. An outage brings nothing, until the connection is back. */
  #claim(max: number): Promise<Claimed> {
    const claim = this.#claiming
      .then(() => this.#steps.claim(max))
      .catch((error: unknown) => this.#outage(error));
    this.#claiming = claim.catch(() => undefined);
    return claim;
  }

  async #outage(error: unknown): Promise<Claimed> {
    if (error instanceof UnknownSubscriptionError)
      return this.#follow(error).catch((again) => this.#rest(again));
    return this.#rest(error);
  }

  async #rest(error: unknown): Promise<Claimed> {
    if (!isOutage(error)) throw error;
    const { clock } = this.#ambient;
    await this.#link.whenUp(clock.mono() + IDLE_WAIT_MS);
    return NOTHING;
  }

  /** To the subscription that was created anew where the server had lost everything. An ephemeral one is over. */
  async #follow(error: UnknownSubscriptionError): Promise<Claimed> {
    const { expiresAfterMs, find } = this.#setup;
    const found = expiresAfterMs === undefined ? await find() : undefined;
    if (found === undefined) throw error;
    this.#steps.moveTo(found);
    this.#unlisten();
    if (!this.#closed) this.#unlisten = this.#listenTo(found);
    return NOTHING;
  }

  #listenTo({ id }: SubscriptionName): () => void {
    return this.#setup.bell.listen(id, () => this.#ringAll());
  }

  /** Claimed for somebody who no longer waits. */
  #giveBack(deliveries: readonly RedisDelivery[]): void {
    for (const delivery of deliveries) {
      this.#steps.settle({ kind: 'release', delivery }).catch(() => undefined); // then its lease ends
    }
  }

  async #settleOne(act: Settlement): Promise<SettleResult> {
    const { delivery } = act;
    if (this.#setup.isBackendClosed()) return new BackendClosedError(this.#setup.backend, 'settle');
    const refusal = this.#refusal(act);
    if (refusal !== undefined) return refusal;
    if (!(delivery instanceof RedisDelivery)) return 'lost';
    const earlier = await delivery.ending;
    if (earlier !== undefined && typeof earlier === 'string') return earlier === 'ok' ? 'noop' : earlier;
    const result = this.#steps.settle(act as OwnSettlement).catch((error: unknown) => error as QueueError);
    if (act.kind !== 'extend') delivery.ending = result;
    return result;
  }

  #refusal(act: Settlement): QueueError | undefined {
    const tooLong = (what: string, maxMs: number): QueueError =>
      new UnsupportedError(this.#setup.backend, what, `the longest is ${maxMs} ms`);
    if (act.kind === 'extend' && !(act.leaseMs > 0 && act.leaseMs <= MAX_LEASE_MS))
      return tooLong(`lease for ${act.leaseMs} ms`, MAX_LEASE_MS);
    if ((act.kind === 'retry' || act.kind === 'release') && !((act.delayMs ?? 0) <= MAX_DELAY_MS))
      return tooLong(`delay by ${act.delayMs} ms`, MAX_DELAY_MS);
    return undefined;
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof BackendUnavailableError || error instanceof PublishOutcomeUnknownError;
}
