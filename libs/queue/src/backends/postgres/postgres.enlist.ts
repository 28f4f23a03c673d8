import { BackendUnavailableError, InvalidTransactionError } from '../../backend/backend.errors.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import type { Redact } from '../../backend/redactor.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import type { PostgresBell } from './postgres.bell.js';
import type { PostgresCatalogue } from './postgres.catalogue.js';
import { codeOf, explain } from './postgres.errors.js';
import { foreignSession } from './postgres.foreign-session.js';
import { objectionOf } from './postgres.publisher.js';
import type { Session } from './postgres.session.js';
import {
  type Batch,
  isRoutable,
  type PostgresStoring,
  StaleTopologyError,
  type Stored,
} from './postgres.storing.js';
import type { PostgresTopology } from './postgres.topology.js';

const SAVEPOINT = 'SAVEPOINT pigeonpost_publish';
const RELEASE = 'RELEASE SAVEPOINT pigeonpost_publish';
const ROLLBACK = 'ROLLBACK TO SAVEPOINT pigeonpost_publish';
const NO_TRANSACTION = '25P01';

export interface EnlistParts {
  readonly owner: CapabilityOwner;
  readonly schema: string;
  readonly redact: Redact;
  readonly catalogue: PostgresCatalogue;
  readonly storing: PostgresStoring;
  readonly bell: PostgresBell;
}

/**
 * Publishes in the caller's own transaction: seen when it commits, gone when it is rolled back. No NOTIFY is part of it,
 * since that would make all commits of the database wait for each other: it is rung afterwards, on a guess.
 */
export class PostgresEnlist {
  readonly #parts: EnlistParts;

  constructor(parts: EnlistParts) {
    this.#parts = parts;
  }

  /** One result per message. Stored means: with the commit. A failure leaves nothing of the batch behind. */
  async publish(
    messages: readonly Outgoing[],
    call: PublishCall & { readonly tx: unknown },
  ): Promise<readonly PublishResult[]> {
    const { owner, bell } = this.#parts;
    const objections = messages.map((message) => objectionOf(message, call, owner));
    try {
      const session = foreignSession(owner.name, call.tx);
      const { to, results } = await this.#within(session, { messages, objections });
      bell.ringLater(to);
      return results;
    } catch (error) {
      const why = this.#explain(error);
      return messages.map((_, at) => ({ status: 'refused', error: objections[at] ?? why }));
    }
  }

  async #within(session: Session, batch: Batch): Promise<Stored> {
    await session.command(SAVEPOINT);
    try {
      await this.#checkDatabase(session);
      const stored = await this.#store(session, batch);
      await session.command(RELEASE);
      return stored;
    } catch (error) {
      await session.command(ROLLBACK).then(
        () => session.command(RELEASE),
        () => undefined,
      );
      throw error;
    }
  }

  /** With what this process knows of the topology; if that is old, with what the transaction sees of it. */
  async #store(session: Session, batch: Batch): Promise<Stored> {
    const { catalogue } = this.#parts;
    const known = await catalogue.known();
    if (!batch.messages.every((message) => isRoutable(message, known))) {
      return this.#storeBy(session, batch, await catalogue.within(session));
    }
    await session.command(SAVEPOINT);
    try {
      const stored = await this.#storeBy(session, batch, known);
      await session.command(RELEASE);
      return stored;
    } catch (error) {
      if (!(error instanceof StaleTopologyError)) throw error;
      await session.command(ROLLBACK);
      await session.command(RELEASE);
      return this.#storeBy(session, batch, await catalogue.within(session));
    }
  }

  #storeBy(session: Session, batch: Batch, topology: PostgresTopology): Promise<Stored> {
    const { storing } = this.#parts;
    return storing.isPlain(batch, topology)
      ? storing.plainly((...statement) => session.run(...statement), batch, topology)
      : storing.carefully(session, batch, topology);
  }

  async #checkDatabase(session: Session): Promise<void> {
    const { owner, schema, catalogue } = this.#parts;
    const there = await session
      .run({ name: 'pp_instance', text: `SELECT to_regclass('${schema}.meta')::text AS meta` }, [])
      .then(({ rows }) => rows[0]?.[0]);
    const isOurs = typeof there === 'string' && (await catalogue.isInstance(session));
    if (isOurs) return;
    throw new InvalidTransactionError(
      owner.name,
      'is a connection to another database',
      'connect to the database of the backend, or use an outbox in your own database',
    );
  }

  #explain(error: unknown): QueueError {
    const { owner, redact } = this.#parts;
    if (error instanceof QueueError) return error;
    if (codeOf(error) === NO_TRANSACTION) {
      const remedy = 'give the client on which you called BEGIN, and COMMIT after the publish';
      return new InvalidTransactionError(owner.name, 'has no transaction open', remedy);
    }
    return new BackendUnavailableError(owner.name, 'publish in the transaction', explain(error, redact));
  }
}
