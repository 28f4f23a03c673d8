import type { CancelTimer, Clock } from '../../ambient/clock.js';
import type { Settlement, SettleResult } from '../../backend/backend.js';
import type { Bounds, Pressure } from '../../backend/bounds.js';
import { UnsupportedError } from '../../backend/backend.errors.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Outgoing } from '../../message/outgoing.js';
import { Backlog } from './memory.backlog.js';
import { MAX_LEASE_MS } from './memory.capabilities.js';
import { Copy, Lease, type Stamp } from './memory.copy.js';
import type { Retained } from './memory.log.js';
import { MemoryDelivery } from './memory.delivery.js';
import { InFlight } from './memory.inflight.js';
import { KeyLines } from './memory.key-lines.js';
import { allOk, repeat } from './memory.results.js';
import { type Taker, WaitingLine } from './memory.waiting.js';

/** Where a message goes whose lease has ended: behind what is ready, or, as on some brokers, into its old place. */
export type LeaseEnd = 'behind' | 'in place';

/**
 * One subscription: its line of copies, its leases, its dead letters and those who wait. Nothing happens behind its
 * back: every call first catches up with what time has done, and a timer runs only while somebody waits.
 */
export class MemorySubscription {
  readonly topics = new Set<string>();
  readonly backlog = new Backlog((copy) => this.passTurn(copy, this.clock.mono()));
  readonly inflight = new InFlight();
  readonly dead = new Map<number, Copy>();
  readonly waiting = new WaitingLine();
  /** Only where an order was asked for: see `startOrder`. */
  keys: KeyLines | undefined;
  /** With its backend: its receivers bring nothing and settle nothing any more. */
  isClosed = false;
  /** An ephemeral one that is over: nothing will bring it back. */
  isGone = false;
  /** Monotonic ms of the last `receive`; one that waits asks all the time. */
  askedAt: number;
  bounds: Bounds | undefined;
  leaseEnd: LeaseEnd = 'behind';
  /** Messages that its bounds have cost it. */
  dropped = 0;
  #seq = 0;
  #cancelAlarm: CancelTimer | undefined;
  #alarmAt = Infinity;

  constructor(
    readonly name: string,
    readonly clock: Clock,
    readonly backendName: string,
    /** See SubscriptionTopology; undefined: durable. */
    readonly expiresAfterMs?: number,
  ) {
    this.askedAt = clock.mono();
  }

  /** Copies it keeps, dead letters aside. */
  get size(): number {
    return this.backlog.ready + this.backlog.delayed + this.inflight.size + (this.keys?.held ?? 0);
  }

  /** From now on there is an order by key. Of several copies of a key that wait already, the oldest has the turn. */
  startOrder(): void {
    if (this.keys !== undefined) return;
    this.keys = new KeyLines();
    for (const copy of this.backlog.takeKeyed()) {
      if (this.keys.join(copy)) this.#line(copy, this.clock.mono());
    }
  }

  /** For a copy that is over or leaves the order: the next one of its key is in line now. Nobody is woken. */
  passTurn(copy: Copy, monoMs: number): void {
    const next = copy.inOrder ? this.keys?.pass(copy, monoMs) : undefined;
    if (next !== undefined) this.#line(next, monoMs);
  }

  /** For its bounds: one message less. */
  displaceOldest(): void {
    const oldest = this.backlog.oldestReady();
    if (oldest === undefined) return;
    this.backlog.remove(oldest, 'ready');
    this.passTurn(oldest, this.clock.mono());
  }

  /** Keeps the count of what its bounds have cost it. */
  countDropped({ dropped, displaced, overflowed }: Pressure): void {
    const { name } = this;
    const isCounted = dropped.includes(name) || displaced.includes(name);
    if (isCounted || overflowed.some(({ subscription }) => subscription === name)) this.dropped++;
  }

  /** Takes a copy of what was published before it listened. */
  acceptLate({ message, stamp }: Retained, monoMs: number): void {
    const copy = new Copy(message, stamp, this.#seq++);
    if (this.keys !== undefined && message.key !== undefined && !this.keys.join(copy)) return;
    this.#line(copy, monoMs);
  }

  /** Takes a copy of a message. Nobody is woken: see `wake`. */
  accept(message: Outgoing, stamp: Stamp): void {
    const copy = new Copy(message, stamp, this.#seq++);
    this.catchUp(stamp.monoMs);
    if (this.keys !== undefined && message.key !== undefined && !this.keys.join(copy)) return;
    if (message.delayMs === undefined || message.delayMs === 0) this.backlog.append(copy);
    else this.backlog.schedule(copy, stamp.monoMs + message.delayMs);
  }

  /** Up to `max` deliveries; none when nothing is ready. */
  claim({ leaseMs }: Taker, max: number, monoMs: number): Delivery[] {
    const { backlog } = this;
    const lease = new Lease(leaseMs, monoMs + leaseMs);
    const deliveries: Delivery[] = [];
    while (deliveries.length < max) {
      const copy = backlog.shift(monoMs);
      if (copy === undefined) break;
      deliveries.push(new MemoryDelivery(copy, this.name, lease));
      this.inflight.add(copy);
    }
    return deliveries;
  }

  /** Brings leases and delays to the present. Cheap when nothing is due. */
  catchUp(monoMs: number): void {
    if (monoMs >= this.inflight.nextEndAt) this.inflight.expire(monoMs, this.#onLeaseEnd);
    if (monoMs >= this.backlog.nextDueAt) this.backlog.promote(monoMs);
  }

  /** Hands what is ready to those who wait, and sees to it that they are woken when something becomes due. */
  wake(monoMs: number): void {
    const { waiting, backlog } = this;
    while (backlog.ready > 0) {
      const wait = waiting.first;
      if (wait === undefined) return;
      const deliveries = this.claim(wait.taker, wait.max, monoMs);
      if (deliveries.length === 0) break;
      waiting.shift();
      wait.resolve(deliveries);
    }
    if (!waiting.isEmpty) this.#setAlarm(monoMs);
  }

  settle(acts: readonly Settlement[], monoMs: number, order: KeyOrder): Promise<readonly SettleResult[]> {
    this.catchUp(monoMs);
    let results: SettleResult[] | undefined;
    for (let at = 0; at < acts.length; at++) {
      const result = this.#settleOne(acts[at] as Settlement, monoMs, order);
      if (results === undefined && result !== 'ok') results = repeat<SettleResult>('ok', at);
      results?.push(result);
    }
    this.wake(monoMs);
    return results === undefined ? allOk(acts.length) : Promise.resolve(results);
  }

  /** Nobody waits any more and no timer runs. */
  close(): void {
    this.isClosed = true;
    this.waiting.dismiss(() => true);
    this.#stopAlarm();
  }

  /** To be called when somebody stops waiting: without an audience there is no alarm. */
  restIfAlone(): void {
    if (!this.waiting.isEmpty) return;
    this.askedAt = this.clock.mono();
    this.#stopAlarm();
  }

  /** Ephemeral, and nobody has asked for its messages for too long. */
  isExpired(monoMs: number): boolean {
    const { expiresAfterMs, waiting, askedAt } = this;
    return expiresAfterMs !== undefined && waiting.isEmpty && askedAt + expiresAfterMs <= monoMs;
  }

  #settleOne(act: Settlement, monoMs: number, order: KeyOrder): SettleResult {
    const { delivery } = act;
    const copy = MemoryDelivery.copyOf(delivery);
    if (copy === 'settled') return 'noop';
    if (copy === undefined || copy.holder !== delivery || !this.inflight.has(copy)) return 'lost';
    switch (act.kind) {
      case 'ack':
        this.#endHold(copy);
        this.passTurn(copy, monoMs);
        return 'ok';
      case 'release':
        return this.#release(copy, act.delayMs ?? 0, monoMs);
      case 'retry':
        if (order.onRetry === 'breaks' && act.delayMs >= 0) this.passTurn(copy, monoMs);
        return this.#retry(copy, act, monoMs);
      case 'dead':
        this.#endHold(copy);
        this.#bury(copy, act.failure);
        if (order.onDead === 'skip') this.passTurn(copy, monoMs);
        return 'ok';
      case 'extend':
        return this.#extend(copy, act.leaseMs, monoMs);
    }
  }

  /** Behind what is ready, or when its delay is over. */
  #line(copy: Copy, monoMs: number): void {
    const { delayMs } = copy.message;
    const dueAt = delayMs === undefined ? monoMs : copy.stamp.monoMs + delayMs;
    if (dueAt <= monoMs) this.backlog.append(copy);
    else this.backlog.schedule(copy, dueAt);
  }

  #release(copy: Copy, delayMs: number, monoMs: number): SettleResult {
    if (!(delayMs >= 0)) return this.#noDelay(delayMs);
    this.#endHold(copy);
    if (delayMs === 0) this.backlog.putBack(copy);
    else this.backlog.schedule(copy, monoMs + delayMs);
    return 'ok';
  }

  #retry(copy: Copy, act: Settlement & { kind: 'retry' }, monoMs: number): SettleResult {
    if (!(act.delayMs >= 0)) return this.#noDelay(act.delayMs);
    this.#endHold(copy);
    copy.attempt++;
    copy.note(act.failure);
    if (act.delayMs === 0) this.backlog.append(copy);
    else this.backlog.schedule(copy, monoMs + act.delayMs);
    return 'ok';
  }

  #extend(copy: Copy, leaseMs: number, monoMs: number): SettleResult {
    if (!(leaseMs > 0 && leaseMs <= MAX_LEASE_MS)) {
      return new UnsupportedError(
        this.backendName,
        `lease for ${leaseMs} ms`,
        `use at most ${MAX_LEASE_MS} ms`,
      );
    }
    copy.lease = new Lease(leaseMs, monoMs + leaseMs);
    this.inflight.noteLease(copy.lease);
    return 'ok';
  }

  #bury(copy: Copy, failure: FailureRecord): void {
    copy.note(failure);
    copy.deadAt = this.clock.now();
    this.dead.set(copy.seq, copy);
  }

  #noDelay(delayMs: number): SettleResult {
    return new UnsupportedError(this.backendName, `give a message back for ${delayMs} ms`, 'use 0 or more');
  }

  #endHold(copy: Copy): void {
    MemoryDelivery.markSettled(copy.holder);
    this.inflight.remove(copy);
  }

  readonly #onLeaseEnd = (copy: Copy, endedAt: number): void => {
    copy.countCrash();
    if (this.leaseEnd === 'in place') this.backlog.putBack(copy);
    else this.backlog.schedule(copy, endedAt);
  };

  readonly #onAlarm = (): void => {
    this.#alarmAt = Infinity;
    const monoMs = this.clock.mono();
    this.catchUp(monoMs);
    this.wake(monoMs);
  };

  #setAlarm(monoMs: number): void {
    const dueAt = Math.min(this.inflight.nextEndAt, this.backlog.nextDueAt);
    if (dueAt >= this.#alarmAt) return;
    this.#cancelAlarm?.();
    this.#alarmAt = dueAt;
    this.#cancelAlarm = this.clock.timer(dueAt - monoMs, this.#onAlarm);
  }

  #stopAlarm(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    this.#alarmAt = Infinity;
  }
}
