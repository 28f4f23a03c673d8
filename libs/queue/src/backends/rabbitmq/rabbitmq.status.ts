import type { Clock } from '../../ambient/clock.js';
import type { BackendStatus, StatusListener } from '../../backend/backend.js';
import { StatusRecord } from '../../backend/status-record.js';

/** The status of several connections together: none may be lost for the backend to be up. */
export class RabbitStatus {
  readonly #record: StatusRecord;
  readonly #lost = new Set<string>();
  readonly #ailing = new Set<string>();

  constructor(clock: Clock) {
    this.#record = new StatusRecord(clock);
  }

  /** Something was done over a connection. */
  worked(): void {
    if (this.#lost.size === 0 && this.#ailing.size === 0) this.#record.worked();
  }

  failed(error: Error): void {
    this.#record.failed(error);
  }

  lost(connection: string, error: Error): void {
    this.#lost.add(connection);
    this.#record.lost(error);
  }

  found(connection: string): void {
    this.#lost.delete(connection);
    this.worked();
  }

  /** Something works worse than it should until `recovered` of the same name. */
  ails(what: string, error: Error): void {
    this.#ailing.add(what);
    this.#record.failed(error);
  }

  recovered(what: string): void {
    if (this.#ailing.delete(what)) this.worked();
  }

  closed(): void {
    this.#record.closed();
  }

  /** As `onStatus` of a backend. */
  onChange(listener: StatusListener): void {
    this.#record.onChange(listener);
  }

  read(): BackendStatus {
    return this.#record.read();
  }
}
