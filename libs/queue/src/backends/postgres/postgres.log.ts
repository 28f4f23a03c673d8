import type { Retention } from '../../backend/retention.js';
import type { Outgoing } from '../../message/outgoing.js';
import { numberArray, textArray } from './postgres.arrays.js';
import { Bodies } from './postgres.copies.js';
import { encodeHeaders } from './postgres.delivery.js';
import { logStatements } from './postgres.log.sql.js';
import type { Session } from './postgres.session.js';
import type { PostgresTopology } from './postgres.topology.js';

/** Messages that one publish removes at most, beyond those that it adds. */
const SWEEP = 100;

/** What topics retain, for subscriptions that come later. Belongs inside transactions. */
export class PostgresLog {
  readonly #sql: ReturnType<typeof logStatements>;

  constructor(schema: string) {
    this.#sql = logStatements(schema);
  }

  /** Adds messages of topics that retain, and removes what is too old or too many. */
  async keep(session: Session, messages: readonly Outgoing[], topology: PostgresTopology): Promise<void> {
    if (messages.length === 0) return;
    const bodies = new Bodies();
    const parts = messages.map((message) => bodies.add(message));
    await session.run(this.#sql.logKeep, [
      bodies.bytes(),
      numberArray(parts.map(({ start }) => start)),
      numberArray(parts.map(({ bytes }) => bytes)),
      `{${parts.map(({ isText }) => isText).join(',')}}`,
      textArray(messages.map(({ topic }) => topic)),
      textArray(messages.map(({ id }) => id)),
      textArray(messages.map(({ key }) => key)),
      textArray(messages.map(({ headers }) => encodeHeaders(headers))),
      numberArray(messages.map(({ delayMs }) => delayMs)),
      numberArray(messages.map(({ ttlMs }) => ttlMs)),
      numberArray(messages.map(({ priority }) => priority || undefined)),
    ]);
    for (const topic of new Set(messages.map((message) => message.topic))) {
      await this.trim(session, topic, topology.retentions.get(topic), messages.length + SWEEP);
    }
  }

  /** Removes at most so many of those that are too old or too many. */
  async trim(session: Session, topic: string, retention: Retention | undefined, most: number): Promise<void> {
    if (retention === undefined) return;
    const { forMs, maxMessages } = retention;
    await session.run(this.#sql.logSweep, [topic, forMs, most]);
    if (maxMessages !== undefined) await session.run(this.#sql.logCut, [topic, maxMessages, topic, most]);
  }

  /** Gives a subscription what these topics have retained, in the order of publication. */
  async give(
    session: Session,
    to: { id: number; ordered: boolean },
    topics: readonly string[],
  ): Promise<void> {
    await session.run(this.#sql.logGive, [to.id, String(to.ordered), textArray(topics)]);
  }

  /** Removes those of this id that are not yet due. Answers their topics. */
  async cancel(session: Session, id: string): Promise<readonly string[]> {
    const { rows } = await session.run(this.#sql.logCancel, [id]);
    return rows.map(([topic]) => topic as string);
  }

  async declare(session: Session, topic: string, retain: Retention | false): Promise<void> {
    if (retain) {
      await session.run(this.#sql.logDeclare, [topic, retain.forMs, retain.maxMessages ?? null]);
      await this.trim(session, topic, retain, 2 ** 31 - 1);
      return;
    }
    await session.run(this.#sql.logForget, [topic]);
    await session.run(this.#sql.logDrop, [topic]);
  }
}
