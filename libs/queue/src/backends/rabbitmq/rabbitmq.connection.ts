import type { ChannelModel } from 'amqplib';
import type { Ambient } from '../../ambient/ambient.js';
import type { CancelTimer } from '../../ambient/clock.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import { type Dial, drop } from './rabbitmq.dial.js';
import { within } from './rabbitmq.within.js';
import type { RabbitErrors } from './rabbitmq.errors.js';
import type { RabbitStatus } from './rabbitmq.status.js';

export interface ConnectionParts {
  /** `publishing` or `consuming`: the broker stops reading from those that publish when its memory is short. */
  readonly role: string;
  readonly dial: Dial;
  readonly ambient: Ambient;
  readonly errors: RabbitErrors;
  readonly status: RabbitStatus;
}

/** One connection that is made again, for ever, whenever it is lost. */
export class RabbitConnection {
  readonly #parts: ConnectionParts;
  readonly #whenUp = new Set<() => void>();
  readonly #whenBlocked = new Set<(isBlocked: boolean) => void>();
  #model: ChannelModel | undefined;
  #lastError: Error | undefined;
  #cancelRetry: CancelTimer | undefined;
  #closed = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** For the first time: rejects when it cannot be made. */
  async open(): Promise<void> {
    const { dial, role, errors } = this.#parts;
    try {
      this.#adopt(await dial(role));
    } catch (error) {
      throw errors.unavailable('connect', error);
    }
  }

  /** undefined while it is lost. */
  get model(): ChannelModel | undefined {
    return this.#model;
  }

  /** Called now if it is up, and each time it is made again. */
  onUp(listener: () => void): void {
    this.#whenUp.add(listener);
    if (this.#model !== undefined) listener();
  }

  offUp(listener: () => void): void {
    this.#whenUp.delete(listener);
  }

  /** The broker stops reading for lack of memory or disk, or goes on. */
  onBlocked(listener: (isBlocked: boolean) => void): void {
    this.#whenBlocked.add(listener);
  }

  /** Why nothing can be done now. */
  downError(doing: string): BackendUnavailableError {
    const { errors } = this.#parts;
    const why = this.#lastError === undefined ? 'the connection was lost' : errors.explain(this.#lastError);
    return new BackendUnavailableError(errors.backend, doing, why);
  }

  /** Never rejects. `ms`: how long the broker has to say goodbye. */
  async close(ms: number): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    const model = this.#model;
    this.#model = undefined;
    if (model === undefined) return;
    await within(this.#parts.ambient.clock, ms, model.close());
    drop(model);
  }

  #adopt(model: ChannelModel): void {
    const { status, role } = this.#parts;
    let problem: Error | undefined;
    model.on('error', (error) => (problem = error));
    model.on('close', (error) => {
      drop(model);
      if (this.#model === model) this.#lose(problem ?? error);
    });
    model.on('blocked', (reason) => {
      status.ails(role, this.#blockedError(reason));
      for (const listener of this.#whenBlocked) listener(true);
    });
    model.on('unblocked', () => this.#unblocked());
    this.#model = model;
    status.found(role);
    for (const listener of this.#whenUp) listener();
  }

  #unblocked(): void {
    this.#parts.status.recovered(this.#parts.role);
    for (const listener of this.#whenBlocked) listener(false);
  }

  #blockedError(reason: string): BackendUnavailableError {
    const { errors } = this.#parts;
    const why = `the broker has stopped reading (${errors.redact(reason)}): give it memory or disk, or consume`;
    return new BackendUnavailableError(errors.backend, 'publish', why);
  }

  #lose(error: Error | undefined): void {
    this.#model = undefined;
    this.#lastError = error;
    if (this.#closed) return;
    const { status, role } = this.#parts;
    this.#unblocked();
    status.lost(role, this.downError('reach RabbitMQ'));
    void this.#redial();
  }

  async #redial(): Promise<void> {
    const { dial, role, ambient, status } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      await this.#pause(reconnectDelayMs(attempt, ambient.random));
      if (this.#closed) return;
      try {
        const model = await dial(role);
        if (this.#closed) return drop(model);
        return this.#adopt(model);
      } catch (error) {
        this.#lastError = error as Error;
        status.lost(role, this.downError('reach RabbitMQ'));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.ambient.clock.timer(ms, resolve);
      this.#cancelRetry = () => {
        cancel();
        resolve();
      };
    });
  }
}
