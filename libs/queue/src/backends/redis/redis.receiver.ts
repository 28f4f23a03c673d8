import type { Ambient } from '../../ambient/ambient.js';
import { Alarm } from '../../backend/alarm.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  PublishOutcomeUnknownError,
  UnknownSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { QueueError } from '../../message/queue-error.js';
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

type Results = (SettleResult | undefined)[];

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
    const results = acts.map((act) => this.#known(act));
    const sent: number[] = [];
    const waiting: number[] = [];
    for (const [at, result] of results.entries()) {
      if (result !== undefined) continue;
      const { kind, delivery } = acts[at] as OwnSettlement;
      (delivery.fate === 'settling' ? waiting : sent).push(at);
      if (kind !== 'extend') delivery.fate = 'settling';
    }
    if (sent.length > 0) await this.#send(acts, sent, results);
    if (waiting.length > 0) await this.#settleAfterOthers(acts, waiting, results);
    return results as SettleResult[];
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
      const found = await Promise.race([claim, this.#toldToEnd(signal, alarm)]);
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

  /** Resolves when a ring finds that it is over; until then never. */
  #toldToEnd(signal: AbortSignal, alarm: Alarm): Promise<undefined> {
    return new Promise((resolve) => {
      alarm.whenRung(() => {
        if (this.#isOver(signal)) resolve(undefined);
      });
    });
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
      this.#steps.settle([{ kind: 'release', delivery }]).catch(() => undefined); // then its lease ends
    }
  }

  async #send(acts: readonly Settlement[], places: readonly number[], results: Results): Promise<void> {
    const own = places.map((at) => acts[at] as OwnSettlement);
    const sending = this.#steps.settle(own).catch((error: unknown) => own.map(() => error as QueueError));
    for (const { kind, delivery } of own) if (kind !== 'extend') delivery.settling = sending;
    const answers = await sending;
    for (const [nth, { kind, delivery }] of own.entries()) {
      const answer = answers[nth] as SettleResult;
      results[places[nth] as number] = answer;
      if (kind !== 'extend') delivery.fate = answer === 'ok' ? 'settled' : 'held';
    }
  }

  /** Of deliveries that another settlement is on its way for: what is left to do is known when that has its answer. */
  async #settleAfterOthers(
    acts: readonly Settlement[],
    places: readonly number[],
    results: Results,
  ): Promise<void> {
    const own = places.map((at) => acts[at] as OwnSettlement);
    for (const { delivery } of own) await delivery.settling;
    const answers = await this.settle(own);
    for (const [nth, at] of places.entries()) results[at] = answers[nth];
  }

  /** What can be said without asking. */
  #known(act: Settlement): SettleResult | undefined {
    const { delivery } = act;
    if (this.#setup.isBackendClosed()) return new BackendClosedError(this.#setup.backend, 'settle');
    const refusal = this.#refusal(act);
    if (refusal !== undefined) return refusal;
    if (!(delivery instanceof RedisDelivery)) return 'lost';
    return delivery.fate === 'settled' ? 'noop' : undefined;
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
