import type { Ambient } from '../../ambient/ambient.js';
import { Alarm } from '../../backend/alarm.js';
import { UnsupportedError } from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { QueueError } from '../../message/queue-error.js';
import { Abandonable } from './sqlite.abandonable.js';
import type { SqliteBell } from './sqlite.bell.js';
import { MAX_DELAY_MS, MAX_LEASE_MS } from './sqlite.capabilities.js';
import { SqliteDelivery } from './sqlite.delivery.js';
import { isBusy, unavailable } from './sqlite.errors.js';
import type { SqliteKeyOrder } from './sqlite.key-order.js';
import type { SqliteMessages } from './sqlite.wire.js';
import type { SqliteWriter } from './sqlite.writer.js';

/** How long an idle receive waits before it says so. */
const IDLE_WAIT_MS = 1_000;

/** What the receivers of one backend share. */
export interface ReceiverParts {
  readonly backend: string;
  readonly ambient: Ambient;
  readonly writer: SqliteWriter;
  readonly messages: SqliteMessages;
  readonly keyOrder: SqliteKeyOrder;
  readonly bell: SqliteBell;
  /** Called when nothing has come for a while: the time for housekeeping. */
  readonly idle: () => void;
}

export class SqliteReceiver implements Receiver {
  readonly #parts: ReceiverParts;
  readonly #spec: SubscriptionSpec;
  readonly #subscriptionId: number;
  readonly #waiting = new Set<Alarm>();
  readonly #onClose: () => void;
  #closed = false;

  constructor(parts: ReceiverParts, spec: SubscriptionSpec, subscriptionId: number, onClose: () => void) {
    this.#parts = parts;
    this.#spec = spec;
    this.#subscriptionId = subscriptionId;
    this.#onClose = onClose;
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly SqliteDelivery[]> {
    const found = await this.#take(max, signal);
    return found.length > 0 || this.#isOver(signal) ? found : this.#await(max, signal);
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const refused = acts.map((act) => this.#refusal(act));
    try {
      const changed = await this.#parts.writer.submit('settle', () => this.#apply(acts, refused));
      return acts.map((act, at) => refused[at] ?? resultOf(act, changed[at] === true));
    } catch (error) {
      return refused.map((known) => known ?? (error as QueueError));
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const alarm of this.#waiting) alarm.ring();
    this.#onClose();
    return Promise.resolve();
  }

  #isOver(signal: AbortSignal): boolean {
    return this.#closed || signal.aborted;
  }

  /** Claims what is ready now. A claim of an empty subscription would take the lock for nothing, so it looks first. */
  #take(max: number, signal: AbortSignal): Promise<readonly SqliteDelivery[]> {
    const { ambient, writer } = this.#parts;
    if (this.#isOver(signal) || this.#nextAvailable() > ambient.clock.now()) return Promise.resolve([]);
    const claim = new Abandonable<readonly SqliteDelivery[]>(signal, () => []);
    return claim.outcome(writer.submitHarmless('receive', () => claim.run(() => this.#claim(max))));
  }

  #claim(max: number): SqliteDelivery[] {
    if (this.#closed) return [];
    const { ambient, messages } = this.#parts;
    const { name: subscription, leaseMs } = this.#spec;
    const token = 2 ** 41 + Math.floor(ambient.random.next() * 2 ** 46);
    const now = ambient.clock.now();
    return messages.claim({ subscriptionId: this.#subscriptionId, subscription, leaseMs, token, max, now });
  }

  async #await(max: number, signal: AbortSignal): Promise<readonly SqliteDelivery[]> {
    const alarm = new Alarm(this.#parts.ambient.clock);
    const ring = (): void => alarm.ring();
    const unlisten = this.#parts.bell.listen(ring);
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

  async #takeWithin(max: number, signal: AbortSignal, alarm: Alarm): Promise<readonly SqliteDelivery[]> {
    const { clock } = this.#parts.ambient;
    const until = clock.mono() + IDLE_WAIT_MS;
    for (;;) {
      const found = await this.#take(max, signal);
      if (found.length > 0 || this.#isOver(signal)) return found;
      const leftMs = until - clock.mono();
      if (leftMs <= 0) break;
      await alarm.wait(Math.min(leftMs, this.#nextAvailable() - clock.now()));
    }
    this.#parts.idle();
    return [];
  }

  /** When the next message is due, ms since the epoch: Infinity when there is none. */
  #nextAvailable(): number {
    try {
      return this.#parts.messages.nextAvailable(this.#subscriptionId) ?? Infinity;
    } catch (error) {
      // Locked for a moment by a process that recovers the log: the writer knows how to wait.
      if (isBusy(error)) return 0;
      throw unavailable(this.#parts.backend, 'receive', error);
    }
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

  #apply(acts: readonly Settlement[], refused: readonly (QueueError | undefined)[]): boolean[] {
    const now = this.#parts.ambient.clock.now();
    return acts.map((act, at) => {
      const { delivery } = act;
      if (refused[at] || !(delivery instanceof SqliteDelivery) || delivery.settled) return false;
      if (act.kind !== 'ack' && act.kind !== 'dead') this.#parts.bell.mark();
      const changed = this.#parts.messages.settle(act, delivery, now);
      if (changed && delivery.inOrder) this.#goOn(act, delivery, now);
      return changed;
    });
  }

  /** The message is in an order: perhaps it is the turn of another one of its key now. */
  #goOn(act: Settlement, { seq, key }: SqliteDelivery, now: number): void {
    const { keyOrder, bell } = this.#parts;
    const turn = { subscriptionId: this.#subscriptionId, key: key as string, seq };
    if (keyOrder.settled(act, turn, this.#spec.order ?? STRICT_ORDER, now)) bell.mark();
  }
}

/** Runs after the commit and in the order of the acts, so the second of two settlements finds the first one's mark. */
function resultOf(act: Settlement, changed: boolean): SettleResult {
  const { delivery } = act;
  if (!(delivery instanceof SqliteDelivery)) return 'lost';
  if (!changed) return delivery.settled ? 'noop' : 'lost';
  if (act.kind !== 'extend') delivery.settled = true;
  return 'ok';
}
