import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { type Retention, sameRetention, type TopicTopology } from '../../backend/retention.js';
import { matchesTopic } from '../../message/topic-pattern.js';
import type { Body } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { decodeHeaders, encodeHeaders } from './sqlite.delivery.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

/** Messages that one publish removes at most, beyond the one that it adds. */
const SWEEP = 100;

const SQL = {
  retentions: `SELECT topic, for_ms, max_messages FROM retention`,
  declare: `
    INSERT INTO retention (topic, for_ms, max_messages, messages) VALUES (?, ?, ?, 0)
    ON CONFLICT (topic) DO UPDATE SET for_ms = excluded.for_ms, max_messages = excluded.max_messages`,
  forget: `DELETE FROM retention WHERE topic = ?`,
  drop: `DELETE FROM retained WHERE topic = ?`,
  keep: `
    INSERT INTO retained (topic, published_at, ready_at, expires_at, id, key, headers, priority, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  counted: `UPDATE retention SET messages = messages + ? WHERE topic = ? RETURNING messages`,
  sweepOld: `
    DELETE FROM retained WHERE seq IN (
      SELECT seq FROM retained WHERE topic = ? AND published_at <= ? ORDER BY published_at LIMIT ${SWEEP})`,
  sweepMany: `
    DELETE FROM retained WHERE seq IN (
      SELECT seq FROM retained WHERE topic = ? ORDER BY published_at, seq LIMIT ?)`,
  cancel: `DELETE FROM retained WHERE topic = ? AND id = ? AND ready_at > ?`,
  live: `
    SELECT r.topic, r.published_at, r.ready_at, r.expires_at, r.id, r.key, r.headers, r.priority, r.body
    FROM retained r JOIN retention kept ON kept.topic = r.topic
    WHERE r.topic IN (SELECT value FROM json_each(:topics)) AND r.published_at > :now - kept.for_ms
      AND (r.expires_at IS NULL OR r.expires_at > :now)
    ORDER BY r.seq`,
};

/** A message as it was published. */
export interface Retained {
  readonly message: Outgoing;
  /** ms since the epoch; delay and time to live of the message count from here. */
  readonly publishedAt: number;
}

/** What topics retain, for subscriptions that come later. Belongs inside transactions. Times are ms since the epoch. */
export class SqliteLog {
  readonly #sql: Statements<typeof SQL>;
  #known: ReadonlyMap<string, Retention> | undefined;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, SQL);
  }

  /** Another process may have changed it. */
  forget(): void {
    this.#known = undefined;
  }

  of(topic: string): Retention | undefined {
    this.#known ??= this.#read();
    return this.#known.size === 0 ? undefined : this.#known.get(topic);
  }

  /** False when it is so already. */
  declare({ name, retain }: TopicTopology): boolean {
    if (!this.differs({ name, retain })) return false;
    if (retain) {
      this.#sql.declare.run(name, retain.forMs, retain.maxMessages ?? null);
      this.#cut(name, retain, Infinity);
    } else {
      this.#sql.forget.run(name);
      this.#sql.drop.run(name);
    }
    this.forget();
    return true;
  }

  /** As it is now, whatever is known. */
  differs({ name, retain }: TopicTopology): boolean {
    return retain !== undefined && !sameRetention(retain || undefined, this.#read().get(name));
  }

  /** Topics that retain their messages and match the pattern, or are the topic. */
  matching(pattern: string): readonly string[] {
    return [...this.#read().keys()].filter((topic) => matchesTopic(pattern, topic));
  }

  keep(message: Outgoing, retention: Retention, now: number): void {
    const { topic, id, key, headers, delayMs, ttlMs, priority, body } = message;
    const readyAt = now + Math.ceil(delayMs ?? 0);
    const expiresAt = ttlMs === undefined ? null : now + Math.ceil(ttlMs);
    const rest = [id, key ?? null, encodeHeaders(headers), priority ?? null, body] as const;
    this.#sql.keep.run(topic, now, readyAt, expiresAt, ...rest);
    this.#sweep(topic, retention, now);
  }

  /** Removes those of this id that are not yet due. Answers their topics. */
  cancel(id: string, now: number): readonly string[] {
    return [...this.#read().keys()].filter((topic) => {
      const removed = Number(this.#sql.cancel.run(topic, id, now).changes);
      if (removed > 0) this.#sql.counted.run(-removed, topic);
      return removed > 0;
    });
  }

  /** What a subscription to these topics starts with, in the order of publication. */
  *live(topics: readonly string[], now: number): Generator<Retained> {
    for (const row of this.#sql.live.iterate({ topics: JSON.stringify(topics), now })) yield retained(row);
  }

  #read(): ReadonlyMap<string, Retention> {
    return new Map(
      this.#sql.retentions.all().map((row) => [
        row['topic'] as string,
        {
          forMs: row['for_ms'] as number,
          maxMessages: (row['max_messages'] as number | null) ?? undefined,
        },
      ]),
    );
  }

  #sweep(topic: string, retention: Retention, now: number): void {
    const old = Number(this.#sql.sweepOld.run(topic, now - retention.forMs).changes);
    this.#sql.counted.run(1 - old, topic);
    this.#cut(topic, retention, SWEEP);
  }

  /** Removes the oldest of those that are too many. */
  #cut(topic: string, { maxMessages = Infinity }: Retention, most: number): void {
    const messages = this.#sql.counted.get(0, topic)?.['messages'] as number;
    const tooMany = Math.min(messages - maxMessages, most);
    if (tooMany <= 0) return;
    const removed = Number(this.#sql.sweepMany.run(topic, tooMany).changes);
    this.#sql.counted.run(-removed, topic);
  }
}

function retained(row: Readonly<Record<string, SQLOutputValue>>): Retained {
  const publishedAt = row['published_at'] as number;
  const delayMs = (row['ready_at'] as number) - publishedAt;
  const expiresAt = row['expires_at'] as number | null;
  const message: Outgoing = {
    topic: row['topic'] as string,
    to: undefined,
    id: row['id'] as string,
    key: (row['key'] as string | null) ?? undefined,
    headers: decodeHeaders(row['headers']),
    delayMs: delayMs > 0 ? delayMs : undefined,
    ttlMs: expiresAt === null ? undefined : expiresAt - publishedAt,
    priority: (row['priority'] as number | null) ?? undefined,
    body: row['body'] as Body,
    event: undefined,
  };
  return { message, publishedAt };
}
