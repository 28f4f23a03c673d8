import type { CancelTimer } from '../../ambient/clock.js';
import type { Ambient } from '../../ambient/ambient.js';
import { BackendClosedError, BackendUnavailableError } from '../../backend/backend.errors.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import type { Redact } from '../../backend/redactor.js';
import type { StatusRecord } from '../../backend/status-record.js';
import { PostgresConnection, type PostgresDriver } from './postgres.connection.js';
import { explain, PostgresConnectionError, unavailable } from './postgres.errors.js';
import type { ResolvedPostgresOptions } from './postgres.options.js';

export interface PoolSetup {
  readonly backend: string;
  readonly driver: PostgresDriver;
  readonly options: ResolvedPostgresOptions;
  readonly ambient: Ambient;
  readonly status: StatusRecord;
  readonly redact: Redact;
}

/** `settle` may take the last free connection, so that publishes never keep a lease from being renewed. */
export type Purpose = 'settle' | 'other';

interface Waiter {
  readonly doing: string;
  readonly purpose: Purpose;
  readonly resolve: (connection: PostgresConnection) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A few connections, made when they are needed and made again for ever when they are lost. Who asks for one waits until
 * the deadline of commands, through a short outage too.
 */
export class PostgresPool {
  readonly #setup: PoolSetup;
  readonly #all = new Set<PostgresConnection>();
  #idle: PostgresConnection[] = [];
  #waiting: Waiter[] = [];
  #opening = 0;
  #failures = 0;
  #lastError: Error | undefined;
  #cancelRetry: CancelTimer | undefined;
  #whenQuiet: (() => void) | undefined;
  #closed = false;

  constructor(setup: PoolSetup) {
    this.#setup = setup;
  }

  /** Rejects with a QueueError, and then nothing was done. Give the connection back by `release`. */
  acquire(doing: string, purpose: Purpose, signal?: AbortSignal): Promise<PostgresConnection> {
    if (this.#closed) return Promise.reject(new BackendClosedError(this.#setup.backend, doing));
    const free = this.#take(purpose);
    return free === undefined ? this.#wait(doing, purpose, signal) : Promise.resolve(free);
  }

  release(connection: PostgresConnection): void {
    if (this.#closed || !connection.isUsable) this.#forget(connection);
    else this.#idle.push(connection);
    this.#serve();
    if (this.#closed && this.#all.size === 0) this.#whenQuiet?.();
  }

  /** They are not to be trusted any more: whoever uses one gets an error at once. */
  dropAll(): void {
    this.#idle = [];
    for (const connection of this.#all) connection.destroy();
    this.#all.clear();
  }

  /** Waits for those in use until the deadline, monotonic ms. */
  async close(deadlineAt: number): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    const { backend, ambient } = this.#setup;
    for (const { reject, doing } of this.#waiting.splice(0)) reject(new BackendClosedError(backend, doing));
    const idle = this.#idle.splice(0);
    for (const connection of idle) this.#all.delete(connection);
    await Promise.all(idle.map((connection) => connection.close()));
    if (this.#all.size > 0) await this.#quiet(deadlineAt - ambient.clock.mono());
    this.dropAll();
  }

  #quiet(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#setup.ambient.clock.timer(ms, resolve);
      this.#whenQuiet = () => {
        cancel();
        resolve();
      };
    });
  }

  #take(purpose: Purpose): PostgresConnection | undefined {
    const inUse = this.#all.size - this.#idle.length;
    if (purpose === 'other' && inUse >= this.#setup.options.poolSize - 1) return undefined;
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.isUsable) return connection;
      this.#forget(connection);
    }
  }

  #wait(doing: string, purpose: Purpose, signal: AbortSignal | undefined): Promise<PostgresConnection> {
    const { ambient, options } = this.#setup;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', giveUp);
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
      };
      const waiter: Waiter = {
        doing,
        purpose,
        resolve: (connection) => {
          end();
          resolve(connection);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const giveUp = (): void => waiter.reject(this.#late(doing, signal?.aborted === true));
      const cancel = ambient.clock.timer(options.commandTimeoutMs, giveUp);
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiter);
      if (signal?.aborted === true) giveUp();
      this.#serve();
    });
  }

  #late(doing: string, isAborted: boolean): Error {
    const { backend, redact } = this.#setup;
    if (isAborted) return new BackendUnavailableError(backend, doing, 'the caller gave up waiting');
    if (this.#lastError !== undefined) return unavailable(backend, doing, this.#lastError, redact);
    return new BackendUnavailableError(backend, doing, 'all its connections were busy: raise poolSize');
  }

  /** Gives what is free to who waits, those who settle first, and makes more where there is none. */
  #serve(): void {
    for (const purpose of ['settle', 'other'] as const) {
      for (const waiter of this.#waiting.filter((each) => each.purpose === purpose)) {
        const connection = this.#take(purpose);
        if (connection === undefined) break;
        waiter.resolve(connection);
      }
    }
    if (this.#waiting.length > this.#opening && this.#cancelRetry === undefined) this.#open();
  }

  #open(): void {
    if (this.#closed || this.#all.size + this.#opening >= this.#setup.options.poolSize) return;
    this.#opening++;
    PostgresConnection.open(this.#setup.driver, this.#setup.options).then(
      (connection) => this.#opened(connection),
      (error: Error) => this.#failed(error),
    );
  }

  #opened(connection: PostgresConnection): void {
    this.#opening--;
    this.#failures = 0;
    this.#lastError = undefined;
    if (this.#closed) return void connection.close();
    this.#all.add(connection);
    connection.onEnd(() => this.#forget(connection));
    this.release(connection);
  }

  #failed(error: Error): void {
    const { status, redact, ambient } = this.#setup;
    this.#opening--;
    this.#failures++;
    this.#lastError = error;
    status.lost(new PostgresConnectionError(explain(error, redact)));
    if (this.#closed || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = ambient.clock.timer(reconnectDelayMs(this.#failures, ambient.random), () => {
      this.#cancelRetry = undefined;
      if (this.#waiting.length > 0) this.#open();
    });
  }

  #forget(connection: PostgresConnection): void {
    this.#all.delete(connection);
    this.#idle = this.#idle.filter((other) => other !== connection);
  }
}
