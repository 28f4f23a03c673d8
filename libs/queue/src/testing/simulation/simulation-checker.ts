import type { Peeked } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import { idempotencyStoreKey } from '../../interceptors/idempotency.station.js';
import type { HistoryEvent } from '../history.js';
import { KeyOrderChecker } from './key-order-checker.js';
import { DRAIN_MS } from './simulated-consumer.js';
import { ATTEMPTS, IDEMPOTENT, MAX_CRASHES, ORDERED } from './simulated-subscriptions.js';
import type { Testimony } from './witness.js';

/** A handler's run, as the witness saw it, and what the broker knows of its delivery. */
class Run {
  deliveredAt = 0;
  leaseEndsAt = 0;
  startedAt: number | undefined;
  endedWellAt: number | undefined;

  constructor(readonly delivery: Delivery) {}

  get name(): string {
    return `${this.delivery.subscription}/${this.delivery.id} (attempt ${this.delivery.attempt})`;
  }
}

/**
 * Holds what the processes did against what the broker knows, and names everything that must not be. What is wrong
 * at the broker alone, checkHistory finds.
 */
export function checkTestimonies(
  testimonies: readonly Testimony[],
  history: readonly HistoryEvent[],
  deadLetters: readonly Peeked[],
): readonly string[] {
  const checker = new TestimonyChecker();
  const order = new KeyOrderChecker(ORDERED);
  for (const event of history) {
    checker.readBroker(event);
    order.read(event);
  }
  for (const testimony of testimonies) checker.readProcess(testimony);
  return [...checker.verdict(deadLetters), ...order.verdict()];
}

class TestimonyChecker {
  readonly #wrong: string[] = [];
  readonly #runs = new Map<Delivery, Run>();
  readonly #stored = new Set<string>();
  readonly #accepted: { readonly run: Run; readonly at: number }[] = [];
  readonly #drained = new Set<string>();
  /** By subscription and id. */
  readonly #dead = new Map<string, Run>();
  /** When a key of the idempotent subscription was noted as handled first. */
  readonly #notedAt = new Map<string, number>();

  readBroker(event: HistoryEvent): void {
    if (event.kind === 'published') {
      const { id, to } = event.message;
      if (event.result.status === 'stored') this.#stored.add(id);
      if (to !== undefined) this.#dead.delete(`${to}/${id}`); // replayed, and may be gone
      return;
    }
    if (event.kind === 'delivered') {
      const run = this.#run(event.delivery);
      run.deliveredAt = event.at;
      run.leaseEndsAt = event.at + event.delivery.leaseMs;
      return;
    }
    if (event.kind !== 'settled' || event.result !== 'ok') return;
    const { act, at } = event;
    const run = this.#run(act.delivery);
    if (act.kind === 'extend') run.leaseEndsAt = at + act.leaseMs;
    if (act.kind === 'ack') this.#acknowledged(run, at);
    if (act.kind === 'dead') this.#buried(run, act.failure.reason);
  }

  readProcess(testimony: Testimony): void {
    switch (testimony.kind) {
      case 'told':
        return this.#told(testimony.id, testimony.outcome);
      case 'started':
        return this.#started(testimony);
      case 'ended':
        if (testimony.how === 'ok') this.#run(testimony.delivery).endedWellAt = testimony.at;
        return;
      case 'noted':
        if (!this.#notedAt.has(testimony.storeKey)) this.#notedAt.set(testimony.storeKey, testimony.at);
        return;
      case 'drained':
        this.#drained.add(testimony.consumer);
        if (testimony.tookMs > DRAIN_MS)
          this.#wrong.push(`${testimony.consumer} took ${testimony.tookMs} ms of ${DRAIN_MS} to drain`);
        return;
      default:
        return;
    }
  }

  verdict(deadLetters: readonly Peeked[]): readonly string[] {
    const kept = new Set(deadLetters.map(({ subscription, id }) => `${subscription}/${id}`));
    for (const [name, run] of this.#dead) {
      if (!kept.has(name)) this.#wrong.push(`${run.name} became a dead letter that nobody has`);
    }
    const handled = new Set<string>();
    for (const { delivery, endedWellAt } of this.#runs.values()) {
      if (endedWellAt !== undefined) handled.add(`${delivery.subscription}/${delivery.id}`);
    }
    for (const { run, at } of this.#accepted) {
      const { endedWellAt, startedAt, delivery } = run;
      const isRepeat =
        delivery.subscription === IDEMPOTENT &&
        startedAt === undefined &&
        handled.has(`${IDEMPOTENT}/${delivery.id}`);
      if (!isRepeat && (endedWellAt === undefined || endedWellAt > at)) {
        this.#wrong.push(`${run.name} was acknowledged at ${at} although its handler had not ended well`);
      }
    }
    return this.#wrong;
  }

  #acknowledged(run: Run, at: number): void {
    this.#accepted.push({ run, at });
  }

  #buried(run: Run, reason: string): void {
    const { attempt, crashes, subscription, id } = run.delivery;
    this.#dead.set(`${subscription}/${id}`, run);
    if (reason === 'rejected' || attempt >= ATTEMPTS || crashes >= MAX_CRASHES) return;
    this.#wrong.push(`${run.name} became a dead letter after ${crashes} crashes: ${reason}`);
  }

  #told(id: string, outcome: 'stored' | 'refused' | 'unknown'): void {
    if (outcome === 'stored' && !this.#stored.has(id))
      this.#wrong.push(`${id} was confirmed to its publisher and never stored`);
    if (outcome === 'refused' && this.#stored.has(id))
      this.#wrong.push(`${id} was refused to its publisher and stored all the same`);
  }

  #started(started: Testimony & { kind: 'started' | 'ended' }): void {
    const { at, consumer, running, allowed, delivery } = started;
    const run = this.#runs.get(delivery);
    if (run === undefined) {
      this.#wrong.push(`${delivery.id} was handled by ${consumer} and never delivered`);
      return;
    }
    if (run.startedAt !== undefined) this.#wrong.push(`${run.name} was started twice for one delivery`);
    run.startedAt = at;
    if (delivery.attempt > ATTEMPTS)
      this.#wrong.push(`${run.name} was started, ${ATTEMPTS} attempts are allowed`);
    if (running > allowed) this.#wrong.push(`${consumer} ran ${running} handlers, ${allowed} were allowed`);
    if (this.#drained.has(consumer)) this.#wrong.push(`${consumer} started ${run.name} after it was drained`);
    const notedAt = this.#notedAt.get(idempotencyStoreKey(delivery.subscription, delivery.id));
    if (notedAt !== undefined && at < run.leaseEndsAt)
      this.#wrong.push(`${run.name} was started at ${at} although it was noted as handled at ${notedAt}`);
  }

  #run(delivery: Delivery): Run {
    let run = this.#runs.get(delivery);
    if (run === undefined) this.#runs.set(delivery, (run = new Run(delivery)));
    return run;
  }
}
