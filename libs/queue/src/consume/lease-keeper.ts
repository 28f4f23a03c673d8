import type { Clock } from '../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { failed, type Outcome } from '../message/outcome.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { Handling } from '../interceptors/handling.js';
import {
  EventLoopBlockedError,
  HandlerTimeoutError,
  LeaseLostError,
} from '../interceptors/handling.errors.js';
import { HeldDeliveries } from './held-deliveries.js';

export interface LeaseKeeperOptions {
  readonly clock: Clock;
  readonly receiver: Receiver;
  readonly policies: ConsumePolicies;
  /** Settles a handling whose handler did not end although its signal aborted. */
  readonly abandon: (handling: Handling, outcome: Outcome) => void;
  /** Told once when the event loop stood still so long that leases may have ended, until it is on time again. */
  readonly late: (error: EventLoopBlockedError) => void;
}

/**
 * Renews the leases of all held deliveries in one call at a third of their length, so that one lost renewal still
 * leaves a second try; aborts handlers whose time is over. Renewal ends at `maxLeaseMs`: a handler that hangs does
 * not own its message for ever.
 */
export class LeaseKeeper {
  readonly held: HeldDeliveries;
  #renewing = false;
  #wasLate = false;

  constructor(private readonly options: LeaseKeeperOptions) {
    const { clock, policies } = options;
    this.held = new HeldDeliveries({
      clock,
      leaseMs: policies.leaseMs,
      sweep: (nowMs, lateMs) => {
        this.#noteDelay(lateMs);
        return this.#sweep(nowMs);
      },
    });
  }

  /** A timer that comes late by half a lease was kept from it by whatever else runs in this process. */
  #noteDelay(lateMs: number): void {
    const { leaseMs } = this.options.policies;
    const isLate = lateMs >= leaseMs / 2;
    if (isLate && !this.#wasLate) this.options.late(new EventLoopBlockedError(lateMs, leaseMs));
    this.#wasLate = isLate;
  }

  #sweep(nowMs: number): number {
    const { leaseMs } = this.options.policies;
    let nextAt = nowMs + leaseMs / SWEEPS_PER_LEASE;
    const due: Handling[] = [];
    for (const handling of this.held) {
      nextAt = Math.min(nextAt, this.#checkTime(handling, nowMs));
      if (handling.leaseEndsAt - nowMs <= (leaseMs * 2) / 3 && this.#mayRenew(handling, nowMs))
        due.push(handling);
    }
    if (due.length > 0) void this.#renew(due);
    return Math.max(nextAt, nowMs + 1);
  }

  /** Aborts what is over; answers when to look at this one again at the latest. */
  #checkTime(handling: Handling, nowMs: number): number {
    const { leaseMs, timeoutMs, abortGraceMs } = this.options.policies;
    const safeUntil = handling.leaseEndsAt - leaseMs * SAFETY_MARGIN;
    const endsAt = Math.min(safeUntil, handling.deadlineAt);
    if (nowMs < endsAt) return endsAt;
    handling.abort(
      nowMs >= safeUntil
        ? new LeaseLostError(`the lease of message ${handling.id} was not renewed and is about to end`)
        : new HandlerTimeoutError(`the handler took longer than its timeout of ${timeoutMs} ms`),
    );
    const isRunning = handling.entered > 0 && !handling.finished;
    if (isRunning && nowMs < endsAt + abortGraceMs) return endsAt + abortGraceMs;
    if (isRunning) this.options.abandon(handling, failed(handling.abortReason, 'timeout'));
    return Infinity;
  }

  #mayRenew(handling: Handling, nowMs: number): boolean {
    const { leaseMs, maxLeaseMs } = this.options.policies;
    const isLost = handling.abortReason instanceof LeaseLostError;
    return !isLost && nowMs - handling.receivedAt + leaseMs <= maxLeaseMs;
  }

  async #renew(due: readonly Handling[]): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const { clock, receiver, policies } = this.options;
    const askedAt = clock.mono();
    const acts: Settlement[] = due.map(({ delivery }) => ({
      kind: 'extend',
      delivery,
      leaseMs: policies.leaseMs,
    }));
    try {
      const results = await receiver.settle(acts);
      due.forEach((handling, at) => this.#renewed(handling, results[at], askedAt));
    } catch {
      // The next sweep tries again; a lease that cannot be renewed in time is given up there.
    } finally {
      this.#renewing = false;
    }
  }

  #renewed(handling: Handling, result: SettleResult | undefined, askedAt: number): void {
    // Counted from before the call: the broker's own count can only have started later.
    if (result === 'ok') handling.leaseEndsAt = askedAt + this.options.policies.leaseMs;
    else if (result === 'lost') handling.abort(new LeaseLostError(`message ${handling.id} has a new owner`));
  }
}

/** So often that a renewal which failed is tried again before the lease is given up. */
const SWEEPS_PER_LEASE = 6;
/** Share of the lease before its end at which a handler is told to stop: nobody else may have started yet. */
const SAFETY_MARGIN = 0.1;
