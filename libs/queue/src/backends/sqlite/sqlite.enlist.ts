import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../../ambient/clock.js';
import { BackendUnavailableError, InvalidTransactionError } from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import type { SqliteBell } from './sqlite.bell.js';
import { CommitWatch } from './sqlite.commit-watch.js';
import { SqliteCounters } from './sqlite.counters.js';
import { SqliteDedup } from './sqlite.dedup.js';
import { isBusy, unavailable } from './sqlite.errors.js';
import { type PublisherParts, SqlitePublisher } from './sqlite.publisher.js';
import { SqliteTopology } from './sqlite.topology.js';
import { SqliteMessages } from './sqlite.wire.js';

export interface EnlistParts extends Pick<PublisherParts, 'backend' | 'maxBytes' | 'writer'> {
  readonly clock: Clock;
  readonly bell: SqliteBell;
  /** Our own connection: a caller's must be to the same file. */
  readonly db: DatabaseSync;
  /** Longest pause between two looks whether a transaction is over, in ms. */
  readonly pollMs: number;
}

/** A caller's connection with the statements that publish on it. */
interface Enlisted {
  readonly publisher: SqlitePublisher;
  /** Takes the write lock, so that nothing read afterwards can be out of date. */
  readonly lock: StatementSync;
}

/**
 * Publishes on the caller's own connection, as a part of the transaction that is open there: seen when he commits,
 * gone when he rolls back. All of it happens before `publish` returns, so that a COMMIT after it needs no await.
 */
export class SqliteEnlist {
  readonly #parts: EnlistParts;
  readonly #watch: CommitWatch;
  readonly #known = new WeakMap<DatabaseSync, Enlisted>();

  constructor(parts: EnlistParts) {
    this.#parts = parts;
    this.#watch = new CommitWatch(parts.clock, parts.pollMs, () => parts.bell.ring());
  }

  /** One result per message. Stored means: with the commit. A failure leaves nothing of the batch behind. */
  publish(batch: readonly Outgoing[], tx: unknown): readonly PublishResult[] {
    try {
      const db = this.#connectionOf(tx);
      const results = inSavepoint(db, () => this.#store(db, batch));
      this.#watch.watch(db);
      return results;
    } catch (error) {
      const why = this.#explain(error);
      return batch.map(() => ({ status: 'refused', error: why }));
    }
  }

  close(): void {
    this.#watch.close();
  }

  #store(db: DatabaseSync, batch: readonly Outgoing[]): readonly PublishResult[] {
    const { publisher, lock } = this.#enlisted(db);
    lock.run();
    return publisher.store(batch);
  }

  #enlisted(db: DatabaseSync): Enlisted {
    const known = this.#known.get(db) ?? this.#enlist(db);
    this.#known.set(db, known);
    return known;
  }

  #enlist(db: DatabaseSync): Enlisted {
    const { backend, maxBytes, writer, clock } = this.#parts;
    const lock = db.prepare('UPDATE counters SET seq = seq');
    const topology = new SqliteTopology(db);
    const publisher = new SqlitePublisher({
      backend,
      maxBytes,
      writer,
      clock,
      // The watch rings: when the transaction is over, and not with whatever commits before it.
      bell: { mark: () => undefined },
      topology,
      messages: new SqliteMessages(db, topology.keyOrder),
      counters: new SqliteCounters(db),
      dedup: new SqliteDedup(db),
    });
    return { publisher, lock };
  }

  #connectionOf(tx: unknown): DatabaseSync {
    const db = unwrap(tx);
    if (!isConnection(db)) throw this.#invalid('is no DatabaseSync of node:sqlite', 'give your connection');
    if (!db.isOpen) throw this.#invalid('is a closed connection', 'publish before you close it');
    if (this.#known.has(db)) return this.#within(db);
    if (db.location() !== this.#parts.db.location()) {
      const remedy = 'connect to the file of the backend, or use an outbox in your own database';
      throw this.#invalid('is a connection to another database', remedy);
    }
    if (db.prepare('SELECT 1 AS one').get()?.['one'] !== 1) {
      throw this.#invalid('reads numbers as bigint, or rows as arrays', 'open the connection without that');
    }
    return this.#within(db);
  }

  #within(db: DatabaseSync): DatabaseSync {
    if (db.isTransaction) return db;
    throw this.#invalid(
      'has no transaction open',
      'call BEGIN IMMEDIATE first, and COMMIT after the publish',
    );
  }

  #invalid(why: string, remedy: string): InvalidTransactionError {
    return new InvalidTransactionError(this.#parts.backend, why, remedy);
  }

  #explain(error: unknown): QueueError {
    const { backend } = this.#parts;
    if (!isBusy(error)) return unavailable(backend, 'publish in the transaction', error);
    const why =
      'somebody else is writing, or has written since the transaction began to read: begin it with BEGIN IMMEDIATE on a ' +
      'connection with a timeout, and run it again';
    return new BackendUnavailableError(backend, 'publish in the transaction', why, { cause: error });
  }
}

/** A connection as it is, or inside the executor that was made of it. */
function unwrap(tx: unknown): unknown {
  return (tx as { connection?: unknown } | null)?.connection ?? tx;
}

function isConnection(given: unknown): given is DatabaseSync {
  const { prepare, exec, location } = (given ?? {}) as Partial<DatabaseSync>;
  return typeof prepare === 'function' && typeof exec === 'function' && typeof location === 'function';
}

/** All of `work` or nothing of it, inside the caller's transaction, which goes on either way. */
function inSavepoint<T>(db: DatabaseSync, work: () => T): T {
  db.exec('SAVEPOINT pigeonpost_publish');
  try {
    const value = work();
    db.exec('RELEASE pigeonpost_publish');
    return value;
  } catch (error) {
    // Some failures have already undone the whole transaction.
    if (db.isTransaction) db.exec('ROLLBACK TO pigeonpost_publish; RELEASE pigeonpost_publish');
    throw error;
  }
}
