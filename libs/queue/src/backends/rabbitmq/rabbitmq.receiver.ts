import type { ConsumeMessage } from 'amqplib';
import type { Ambient } from '../../ambient/ambient.js';
import type { CancelTimer } from '../../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { BackendClosedError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Delivery } from '../../message/delivery.js';
import type { QueueError } from '../../message/queue-error.js';
import { type CopyingSettlement, RabbitCopies } from './rabbitmq.copies.js';
import { isExpired, RabbitDelivery } from './rabbitmq.delivery.js';
import { within } from './rabbitmq.within.js';
import { RabbitInflow } from './rabbitmq.inflow.js';
import type { InflowParts } from './rabbitmq.inflow.js';
import { RabbitLeases } from './rabbitmq.leases.js';

export interface ReceiverParts extends Omit<InflowParts, 'arrived' | 'lost' | 'unwanted'> {
  readonly backend: string;
  readonly ambient: Ambient;
  readonly subscription: string;
  readonly leaseMs: number;
  readonly commandTimeoutMs: number;
  /** Longest time that a message can be held, however often its lease is renewed. */
  readonly maxHoldMs: number;
  readonly copies: RabbitCopies;
  /** Why nothing will ever come again, such as that the subscription has expired. */
  readonly ending: () => QueueError | undefined;
  readonly isClosed: () => boolean;
}

/** How long a receive waits for the first message. */
const WAIT_MS = 5_000;
/** For so long after a receive, what the broker pushes may still be wanted: by one whose handlers are busy, and by one with none. */
const PATIENCE_MS = { busy: 5_000, idle: 150 } as const;

/** One consumer's end of a subscription. */
export class RabbitReceiver implements Receiver {
  readonly #parts: ReceiverParts;
  readonly #inflow: RabbitInflow;
  readonly #leases: RabbitLeases;
  #wake: (() => void) | undefined;
  #activeAt = 0;
  #cancelCheck: CancelTimer | undefined;
  #signal: AbortSignal | undefined;
  #closed = false;
  #isDisposed = false;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#leases = new RabbitLeases(parts.ambient.clock, (delivery) => this.#leaseEnded(delivery));
    this.#inflow = new RabbitInflow({
      ...parts,
      restore: () =>
        parts.restore().finally(() => (parts.ending() === undefined ? undefined : this.#wake?.())),
      arrived: () => this.#wake?.(),
      lost: () => this.#leases.clear(),
      unwanted: (messages) => void this.#giveBack(messages),
    });
  }

  /** Messages that were handed out and are not settled. */
  get inflight(): number {
    return this.#leases.count;
  }

  /** Messages that came and were not asked for yet. */
  get arrived(): number {
    return this.#inflow.arrivals.length;
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#closed || signal.aborted) return [];
    this.#obey(signal);
    const over = this.#parts.ending();
    if (over !== undefined) throw over;
    this.#inflow.want(this.#leases.count + max);
    if (this.#inflow.arrivals.length === 0) await this.#arrival();
    const ended = this.#parts.ending();
    if (ended !== undefined) throw ended;
    const taken = signal.aborted || this.#closed ? [] : this.#take(max);
    if (!signal.aborted) this.#watchPatience();
    return taken;
  }

  /** Acknowledgements are answered when they are written: the broker confirms none. */
  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    if (this.#parts.isClosed()) return acts.map(() => this.#closedError());
    this.#activeAt = this.#parts.ambient.clock.mono(); // what is settled makes room for more
    const results = new Array<SettleResult>(acts.length);
    const copying: (CopyingSettlement & { readonly at: number })[] = [];
    for (const [at, act] of acts.entries()) {
      const delivery = act.delivery as RabbitDelivery;
      const refusal = this.#refusal(delivery);
      if (refusal !== undefined) results[at] = refusal;
      else if (act.kind === 'extend') results[at] = this.#extend(delivery, act.leaseMs);
      else if (act.kind === 'ack') results[at] = this.#ack(delivery);
      else copying.push({ act, delivery, at: this.#start(delivery, at) });
    }
    this.#inflow.acks?.flush();
    if (copying.length > 0) {
      const answers = await this.#copy(copying);
      copying.forEach(({ at }, index) => (results[at] = answers[index] as SettleResult));
    }
    await this.#inflow.acks?.told();
    return results;
  }

  /** What was handed out can be settled until `dispose`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelCheck?.();
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#stop();
    await within(this.#parts.ambient.clock, this.#parts.commandTimeoutMs, this.#inflow.stopped());
  }

  /** With the backend: everything unsettled is the broker's again. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.close();
    this.#leases.stop();
    await this.#inflow.close();
  }

  /** Whoever aborts wants nothing more, also of what comes after the receive. */
  #obey(signal: AbortSignal): void {
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#signal = signal;
    signal.addEventListener('abort', this.#stop, { once: true });
  }

  readonly #stop = (): void => {
    this.#inflow.want(0);
    this.#wake?.();
  };

  #take(max: number): readonly RabbitDelivery[] {
    const { ambient, subscription, leaseMs } = this.#parts;
    const { arrivals, acks, epoch } = this.#inflow;
    const at = ambient.clock.mono();
    const nowMs = ambient.clock.now();
    const place = { subscription, leaseMs, epoch, at };
    const taken: RabbitDelivery[] = [];
    let isExpiredSeen = false;
    while (taken.length < max) {
      const message = arrivals.shift();
      if (message === undefined) break;
      if (isExpired(message, nowMs)) {
        isExpiredSeen = true;
        acks?.ack(message);
        continue;
      }
      const delivery = new RabbitDelivery(message, place);
      this.#leases.add(delivery);
      taken.push(delivery);
    }
    if (isExpiredSeen) acks?.flush();
    // What may end the process must not take along what is pushed meanwhile, and was never handed out.
    if (taken.some(({ crashes }) => crashes > 0)) this.#inflow.want(0);
    return taken;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (this.#wake !== wake) return;
        this.#wake = undefined;
        cancel();
        // In the next microtask: by then all that came in one piece from the network is here.
        resolve();
      };
      const cancel = this.#parts.ambient.clock.timer(WAIT_MS, wake);
      this.#wake?.(); // an earlier receive that still waits gets nothing
      this.#wake = wake;
    });
  }

  /** Nobody asks any more: what would come is for others. */
  #watchPatience(): void {
    const { clock } = this.#parts.ambient;
    this.#activeAt = clock.mono();
    if (this.#closed || this.#cancelCheck !== undefined) return;
    this.#cancelCheck = clock.timer(PATIENCE_MS.idle, this.#checkPatience);
  }

  readonly #checkPatience = (): void => {
    const { clock } = this.#parts.ambient;
    const patienceMs = this.#leases.count > 0 ? PATIENCE_MS.busy : PATIENCE_MS.idle;
    const isOver = this.#wake === undefined && clock.mono() - this.#activeAt >= patienceMs;
    this.#cancelCheck = isOver ? undefined : clock.timer(PATIENCE_MS.idle, this.#checkPatience);
    if (isOver) this.#inflow.want(0);
  };

  #refusal(delivery: RabbitDelivery): SettleResult | undefined {
    if (delivery.isSettled) return 'noop';
    if (!this.#leases.has(delivery) || delivery.epoch !== this.#inflow.epoch) return 'lost';
    if (delivery.leaseEndsAt > this.#parts.ambient.clock.mono()) return undefined;
    this.#leases.remove(delivery);
    this.#leaseEnded(delivery);
    return 'lost';
  }

  #ack(delivery: RabbitDelivery): SettleResult {
    this.#start(delivery, 0);
    this.#inflow.acks?.ack(delivery.raw);
    return 'ok';
  }

  #start(delivery: RabbitDelivery, at: number): number {
    delivery.isSettled = true;
    this.#leases.remove(delivery);
    return at;
  }

  #extend(delivery: RabbitDelivery, leaseMs: number): SettleResult {
    const { backend, maxHoldMs, ambient } = this.#parts;
    const endsAt = ambient.clock.mono() + leaseMs;
    if (endsAt - delivery.takenAt > maxHoldMs) {
      return new UnsupportedError(
        backend,
        `lease a message for ${Math.round(endsAt - delivery.takenAt)} ms in all, since it would take it back after its consumer_timeout`,
        `use at most ${maxHoldMs} ms, or raise consumer_timeout on the server and consumerTimeoutMs in the options`,
      );
    }
    delivery.leaseEndsAt = endsAt;
    return 'ok';
  }

  async #copy(copying: readonly CopyingSettlement[]): Promise<readonly SettleResult[]> {
    const answers = await this.#parts.copies.settle(copying);
    copying.forEach(({ delivery }, at) => {
      if (answers[at] === 'ok') this.#inflow.acks?.ack(delivery.raw);
      else this.#keep(delivery);
    });
    this.#inflow.acks?.flush();
    const epochs = this.#inflow.epoch;
    return answers.map((answer, at) => {
      const isLost = (copying[at] as CopyingSettlement).delivery.epoch !== epochs;
      return answer === 'ok' && isLost ? this.#parts.connection.downError('settle for sure') : answer;
    });
  }

  /** It is as before: it can be settled again, or its lease ends. */
  #keep(delivery: RabbitDelivery): void {
    delivery.isSettled = false;
    if (delivery.epoch === this.#inflow.epoch) this.#leases.add(delivery);
  }

  #leaseEnded(delivery: RabbitDelivery): void {
    this.#activeAt = this.#parts.ambient.clock.mono();
    if (delivery.epoch === this.#inflow.epoch) this.#inflow.acks?.giveBack(delivery.raw);
  }

  /** Uncounted, as copies; where that does not work, as the broker does it, which counts a crash. */
  async #giveBack(messages: readonly ConsumeMessage[]): Promise<void> {
    const { acks } = this.#inflow;
    if (acks === undefined || messages.length === 0) return;
    const given = await this.#parts.copies.giveBack(messages).catch(() => messages.map(() => false));
    messages.forEach((message, at) => (given[at] === true ? acks.ack(message) : acks.giveBack(message)));
    acks.flush();
  }

  #closedError(): QueueError {
    return new BackendClosedError(this.#parts.backend, 'settle');
  }
}
