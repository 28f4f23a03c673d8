import { type Ambient, systemAmbient } from '../../ambient/ambient.js';
import type { DomainEvent } from '../../message/event.js';
import { checkTable, OutboxError } from './outbox.errors.js';
import { DEFAULT_INBOX, insertOnce } from './outbox.schema.js';
import { inDialect, type SqlExecutor, type SqlRow, type SqlValue } from './sql-executor.js';

export interface InboxOptions {
  /** Default `inbox`. */
  readonly table?: string;
  readonly ambient?: Ambient;
}

/** What is handled, as a handler's context tells it. */
export interface InboxMessage {
  readonly id: string;
  readonly subscription: string;
  /** Without one, as for a raw handler, the message id stands for the intent. */
  readonly event?: DomainEvent | undefined;
}

/**
 * Remembers what was handled in the transaction that handles it, so that its effect there happens once: a message that
 * comes again, as after a crash between the commit and the acknowledgement, finds its own mark and is skipped.
 */
export class Inbox {
  readonly #table: string;
  readonly #ambient: Ambient;

  constructor({ table = DEFAULT_INBOX, ambient = systemAmbient }: InboxOptions = {}) {
    this.#table = checkTable(table);
    this.#ambient = ambient;
  }

  /**
   * Inside the handler's transaction, before its effects. True: go on, and commit. False: it was handled before, return. Who
   * claims at the same time waits, or fails and is tried again; a roll-back takes the mark back. Rejects as the database
   * does.
   */
  async claim(tx: SqlExecutor, { id, subscription, event }: InboxMessage): Promise<boolean> {
    const key = event?.idempotency_key ?? id;
    const now = this.#ambient.clock.now();
    const claim = this.#ambient.ids.next(now);
    const into = `${this.#table} (subscription, idempotency_key, claim, seen_at) VALUES (?, ?, ?, ?)`;
    await this.#run(tx, insertOnce(tx.dialect, into), [subscription, key, claim, now]);
    const text = `SELECT claim FROM ${this.#table} WHERE subscription = ? AND idempotency_key = ?`;
    const [row] = await this.#run(tx, text, [subscription, key]);
    if (row !== undefined) return row['claim'] === claim;
    throw new OutboxError(this.#table, 'lost a mark just made: it is not to be changed by anybody else');
  }

  /**
   * Forgets what was handled longer ago than `keepMs`. Longer than the longest retry and replay, or a message that comes so
   * late is handled again.
   */
  async sweep(db: SqlExecutor, keepMs: number): Promise<void> {
    await this.#run(db, `DELETE FROM ${this.#table} WHERE seen_at < ?`, [this.#ambient.clock.now() - keepMs]);
  }

  #run(executor: SqlExecutor, text: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    return executor.executeSql(inDialect(executor.dialect, text), values);
  }
}
