import { PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import type { QueueError } from '../../message/queue-error.js';
import type { PostgresConnection } from './postgres.connection.js';
import {
  isConflict,
  isMissingSchema,
  isRefusal,
  outcomeUnknown,
  PostgresSchemaError,
  unavailable,
} from './postgres.errors.js';
import { type PoolSetup, PostgresPool, type Purpose } from './postgres.pool.js';
import type { Answer, Session, Statement, Value } from './postgres.session.js';

/** How often a deadlock, or a conflict of transactions, is tried again before it is an error. */
const TRIES = 5;

/** How a call is made. */
export interface Call {
  /** Completes "could not …". */
  readonly doing: string;
  readonly purpose?: Purpose;
  /** Gives up waiting for a connection; what was sent is waited for. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The database, by calls that are bounded in time. Every error is a QueueError: BackendUnavailableError when certainly
 * nothing was done, PublishOutcomeUnknownError when the answer was lost on its way.
 */
export class PostgresDatabase {
  readonly #setup: PoolSetup;
  readonly pool: PostgresPool;

  constructor(setup: PoolSetup) {
    this.#setup = setup;
    this.pool = new PostgresPool(setup);
  }

  get schema(): string {
    return this.#setup.options.schema;
  }

  /** One statement that changes nothing. */
  async read(call: Call, statement: Statement, values: readonly Value[]): Promise<Answer> {
    return this.#with(call, (session) => session.run(statement, values), 'nothing');
  }

  /** One statement, which is a transaction of its own. */
  async write(call: Call, statement: Statement, values: readonly Value[]): Promise<Answer> {
    return this.#with(call, (session) => session.run(statement, values), 'something');
  }

  /** All of `work` or nothing. It may run again from its beginning, so it keeps what it finds out in its result. */
  async transaction<T>(call: Call, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(call, (connection) => this.#transact(connection, call, work), 'nothing');
  }

  async #with<T>(
    call: Call,
    work: (connection: PostgresConnection) => Promise<T>,
    mayHaveDone: 'nothing' | 'something',
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const connection = await this.pool.acquire(call.doing, call.purpose ?? 'other', call.signal);
      try {
        const result = await work(connection);
        this.#setup.status.worked();
        return result;
      } catch (error) {
        if (isConflict(error) && tries < TRIES) continue;
        throw this.#fault(call, error, mayHaveDone);
      } finally {
        this.pool.release(connection);
      }
    }
  }

  async #transact<T>(
    connection: PostgresConnection,
    call: Call,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    await connection.command('BEGIN');
    let result: T;
    try {
      result = await work(connection);
    } catch (error) {
      await connection.command('ROLLBACK').catch(() => connection.destroy());
      throw error;
    }
    await this.#commit(connection, call);
    return result;
  }

  async #commit(connection: PostgresConnection, { doing }: Call): Promise<void> {
    try {
      await connection.command('COMMIT');
    } catch (error) {
      if (isRefusal(error)) throw error;
      throw outcomeUnknown(this.#setup.backend, doing, error, this.#setup.redact);
    }
  }

  #fault({ doing }: Call, error: unknown, mayHaveDone: 'nothing' | 'something'): QueueError {
    const fault = this.#asQueueError(doing, error, mayHaveDone);
    const isOurs = error === fault && !(fault instanceof PublishOutcomeUnknownError);
    if (!isOurs) this.#setup.status.failed(fault);
    return fault;
  }

  #asQueueError(doing: string, error: unknown, mayHaveDone: 'nothing' | 'something'): QueueError {
    const { backend, redact, options } = this.#setup;
    if (isMissingSchema(error)) {
      return new PostgresSchemaError(backend, options.schema, 'its tables are missing or out of date');
    }
    if (mayHaveDone === 'nothing' || isRefusal(error)) return unavailable(backend, doing, error, redact);
    return outcomeUnknown(backend, doing, error, redact);
  }
}
