import type { Ambient } from '../../ambient/ambient.js';
import { Alarm } from '../../backend/alarm.js';
import { UnsupportedError } from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { QueueError } from '../../message/queue-error.js';
import type { PostgresBell } from './postgres.bell.js';
import { MAX_DELAY_MS, MAX_LEASE_MS } from './postgres.capabilities.js';
import type { Act, Claimed, PostgresClaims } from './postgres.claims.js';
import { PostgresDelivery } from './postgres.delivery.js';
import { type Outcome, PostgresRounds } from './postgres.rounds.js';

/** How long an idle receive waits before it says so. */
const IDLE_WAIT_MS = 1_000;
/** What a claim under way has when its caller leaves: what it brings later is given back. */
const LAST_CLAIM_MS = 200;
/** What has expired is removed at most this often. */
const SWEEP_EVERY_MS = 1_000;

const NOTHING: Claimed = Object.freeze({
  deliveries: [],
  changed: new Set<string>(),
  nextMs: undefined,
  isOrdered: false,
  first: undefined,
});

/** What the receivers of one backend share. */
export interface ReceiverParts {
  readonly backend: string;
  readonly ambient: Ambient;
  readonly claims: PostgresClaims;
  readonly bell: PostgresBell;
}

/** A subscription as it is on the server, and what its consumer asks of it. */
export interface OpenedSubscription {
  readonly spec: SubscriptionSpec;
  readonly id: number;
  readonly isOrdered: boolean;
}

export class PostgresReceiver implements Receiver {
  readonly #parts: ReceiverParts;
  readonly #opened: OpenedSubscription;
  readonly #rounds: PostgresRounds;
  readonly #waiting = new Set<Alarm>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #onClose: () => void;
  #failures = 0;
  #sweptAt: number;
  #closed = false;

  constructor(parts: ReceiverParts, opened: OpenedSubscription, onClose: () => void) {
    this.#parts = parts;
    this.#opened = opened;
    const { id: subscriptionId, isOrdered } = opened;
    this.#rounds = new PostgresRounds(parts.claims, {
      subscriptionId,
      isOrdered,
      order: opened.spec.order ?? STRICT_ORDER,
    });
    this.#sweptAt = parts.ambient.clock.mono();
    this.#onClose = onClose;
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly PostgresDelivery[]> {
    if (this.#isOver(signal)) return [];
    const alarm = new Alarm(this.#parts.ambient.clock);
    const ring = (): void => alarm.ring();
    const unlisten = this.#parts.bell.listen(this.#opened.id, ring);
    this.#waiting.add(alarm);
    signal.addEventListener('abort', ring, { once: true });
    try {
      return await this.#takeWithin(max, signal, alarm);
    } finally {
      signal.removeEventListener('abort', ring);
      this.#waiting.delete(alarm);
      unlisten();
    }
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const refused = acts.map((act) => this.#refusal(act));
    const valid = acts.filter((act, at): act is Act => refused[at] === undefined && isOurs(act));
    const extending = valid.filter(({ kind }) => kind === 'extend');
    const ending = valid.filter(({ kind }) => kind !== 'extend');
    // Renewals wait for nothing that is under way.
    const [extended, ended] = await Promise.all([this.#extend(extending), this.#rounds.settle(ending)]);
    const outcomes = new Map<Settlement, Outcome>();
    extending.forEach((act, at) => outcomes.set(act, extended[at] ?? false));
    ending.forEach((act, at) => outcomes.set(act, ended[at] ?? false));
    if (ending.some(({ kind }) => kind !== 'ack' && kind !== 'dead'))
      this.#parts.bell.ring([this.#opened.id]);
    return acts.map((act, at) => refused[at] ?? resultOf(act, outcomes.get(act) ?? false));
  }

  /** Nothing is claimed any more, and nothing that nobody waited for is still held, when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const alarm of this.#waiting) alarm.ring();
    this.#onClose();
    await Promise.all(this.#underWay);
  }

  #isOver(signal: AbortSignal): boolean {
    return this.#closed || signal.aborted;
  }

  async #extend(acts: readonly Act[]): Promise<readonly Outcome[]> {
    if (acts.length === 0) return [];
    try {
      const changed = await this.#parts.claims.settle('extend', acts);
      return acts.map(({ delivery }) => changed.has(delivery.ref));
    } catch (error) {
      return acts.map(() => error as QueueError);
    }
  }

  async #takeWithin(max: number, signal: AbortSignal, alarm: Alarm): Promise<readonly PostgresDelivery[]> {
    const { clock } = this.#parts.ambient;
    const until = clock.mono() + IDLE_WAIT_MS;
    for (;;) {
      alarm.reset();
      const { deliveries, nextMs = Infinity } = await this.#take(max, signal, alarm);
      this.#sweep();
      if (deliveries.length > 0 || this.#isOver(signal)) return deliveries;
      const leftMs = until - clock.mono();
      if (leftMs <= 0) return [];
      await alarm.wait(Math.min(leftMs, Math.ceil(nextMs), this.#parts.bell.pollMs));
    }
  }

  /** Nothing while the server is away: it is asked again after a pause. */
  async #take(max: number, signal: AbortSignal, alarm: Alarm): Promise<Claimed> {
    const { spec, id } = this.#opened;
    const { name: subscription, leaseMs } = spec;
    try {
      const claiming = this.#rounds.claim({ subscriptionId: id, subscription, leaseMs, max });
      const claimed = await this.#unlessOver(claiming, signal, alarm);
      this.#failures = 0;
      return claimed;
    } catch {
      return { ...NOTHING, nextMs: reconnectDelayMs(++this.#failures, this.#parts.ambient.random) };
    }
  }

  /** Who is told to end does not wait for a server that does not answer. */
  #unlessOver(claiming: Promise<Claimed>, signal: AbortSignal, alarm: Alarm): Promise<Claimed> {
    return new Promise((resolve, reject) => {
      let hasLeft = false;
      const leave = (): void => {
        if (!this.#isOver(signal)) return;
        cancel(); // told twice
        cancel = this.#parts.ambient.clock.timer(LAST_CLAIM_MS, () => {
          hasLeft = true;
          resolve(NOTHING);
        });
      };
      let cancel = (): void => undefined;
      alarm.whenRung(leave);
      claiming.then(resolve, reject).finally(() => {
        cancel();
        alarm.whenRung(undefined);
      });
      const over = claiming.then(
        (claimed) => (hasLeft ? this.#giveBack(claimed) : undefined),
        () => undefined,
      );
      this.#underWay.add(over);
      void over.finally(() => this.#underWay.delete(over));
    });
  }

  async #giveBack({ deliveries }: Claimed): Promise<void> {
    await this.settle(deliveries.map((delivery) => ({ kind: 'release', delivery })));
  }

  #sweep(): void {
    const { clock } = this.#parts.ambient;
    if (this.#opened.isOrdered || clock.mono() - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = clock.mono();
    this.#parts.claims.sweep(this.#opened.id).catch(() => undefined); // tried again the next time
  }

  #refusal(act: Settlement): QueueError | undefined {
    const tooLong = (what: string, maxMs: number): QueueError =>
      new UnsupportedError(this.#parts.backend, what, `the longest is ${maxMs} ms`);
    if (act.kind === 'extend' && !(act.leaseMs <= MAX_LEASE_MS))
      return tooLong(`lease for ${act.leaseMs} ms`, MAX_LEASE_MS);
    if ((act.kind === 'retry' || act.kind === 'release') && !((act.delayMs ?? 0) <= MAX_DELAY_MS))
      return tooLong(`delay by ${act.delayMs} ms`, MAX_DELAY_MS);
    return undefined;
  }
}

function isOurs({ delivery }: Settlement): boolean {
  return delivery instanceof PostgresDelivery && !delivery.settled;
}

/** In the order of the acts, so that the second of two settlements finds the first one's mark. */
function resultOf(act: Settlement, outcome: Outcome): SettleResult {
  const { delivery } = act;
  if (!(delivery instanceof PostgresDelivery)) return 'lost';
  if (typeof outcome !== 'boolean') return outcome;
  if (!outcome) return delivery.settled ? 'noop' : 'lost';
  if (act.kind !== 'extend') delivery.settled = true;
  return 'ok';
}
