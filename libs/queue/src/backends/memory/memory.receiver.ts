import type { Clock } from '../../ambient/clock.js';
import { BackendClosedError, UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { Delivery } from '../../message/delivery.js';
import { repeat } from './memory.results.js';
import type { MemorySubscription } from './memory.subscription.js';
import { NOTHING, type Taker } from './memory.waiting.js';

const NOTHING_NOW = Promise.resolve(NOTHING);

/** One consumer's end of a subscription. */
export class MemoryReceiver implements Receiver, Taker {
  #state: 'open' | 'closed' | 'disconnected' = 'open';
  /** Signals that have our listener. Callers pass the same one again and again, so it is not attached for each call. */
  readonly #watched = new Set<AbortSignal>();

  constructor(
    private readonly subscription: MemorySubscription,
    private readonly clock: Clock,
    private readonly spec: SubscriptionSpec,
    /** Called when it is closed, not when its process dies. */
    private readonly onClose: () => void = () => undefined,
  ) {}

  receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const { subscription } = this;
    if (this.#state !== 'open' || subscription.isClosed || signal.aborted || !(max > 0))
      return subscription.isGone && this.#state === 'open' ? this.#gone() : NOTHING_NOW;
    const monoMs = this.clock.mono();
    subscription.askedAt = monoMs;
    subscription.catchUp(monoMs);
    if (subscription.backlog.ready > 0) {
      const deliveries = subscription.claim(this, max, monoMs);
      if (deliveries.length > 0) return Promise.resolve(deliveries);
    }
    this.#watch(signal);
    const answer = subscription.waiting.join(this, max, signal);
    subscription.wake(monoMs);
    return answer;
  }

  #gone(): Promise<never> {
    const { backendName, name } = this.subscription;
    return Promise.reject(new UnknownSubscriptionError(backendName, name));
  }

  get leaseMs(): number {
    return this.spec.leaseMs;
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    if (this.subscription.isGone) return Promise.resolve(repeat<SettleResult>('lost', acts.length));
    if (this.#state === 'disconnected' || this.subscription.isClosed) {
      const error = new BackendClosedError(this.subscription.backendName, 'settle');
      return Promise.resolve(repeat<SettleResult>(error, acts.length));
    }
    return this.subscription.settle(acts, this.clock.mono(), this.spec.order ?? STRICT_ORDER);
  }

  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closed';
      this.#leave();
      this.onClose();
    }
    return Promise.resolve();
  }

  /** Nothing that is done here reaches the subscription any more; what is leased comes back when its lease ends. */
  disconnect(): void {
    if (this.#state === 'open') this.#leave();
    this.#state = 'disconnected';
  }

  #leave(): void {
    this.subscription.waiting.dismiss((wait) => wait.taker === this);
    this.subscription.restIfAlone();
    for (const signal of this.#watched) signal.removeEventListener('abort', this.#onAbort);
    this.#watched.clear();
  }

  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return;
    for (const other of this.#watched)
      if (!this.subscription.waiting.isWaitingFor(other)) this.#unwatch(other);
    signal.addEventListener('abort', this.#onAbort);
    this.#watched.add(signal);
  }

  #unwatch(signal: AbortSignal): void {
    signal.removeEventListener('abort', this.#onAbort);
    this.#watched.delete(signal);
  }

  readonly #onAbort = (): void => {
    this.subscription.waiting.dismiss((wait) => wait.taker === this && wait.signal.aborted);
    this.subscription.restIfAlone();
    for (const signal of this.#watched) if (signal.aborted) this.#unwatch(signal);
  };
}
