import type { Outgoing } from '../../message/outgoing.js';
import { checkTable, OutboxError } from './outbox.errors.js';
import { COLUMNS, fromRow, toRow } from './outbox.row.js';
import { inDialect, type SqlExecutor, type SqlValue } from './sql-executor.js';

/** One row as a message, with the number it is known by. */
export interface OutboxItem {
  readonly message: Outgoing;
  readonly seq: number;
}

/** The statements on the table of an outbox. */
export class OutboxTable {
  constructor(readonly name: string) {
    checkTable(name);
  }

  /** Inside the caller's transaction: all of them with one statement. */
  async insert(tx: SqlExecutor, messages: readonly Outgoing[], now: number): Promise<void> {
    const rows = messages.map((message) => toRow(message, now));
    const tuple = `(${COLUMNS.replace(/\w+/g, '?')})`;
    const tuples = rows.map(() => tuple).join(', ');
    await this.#run(tx, `INSERT INTO ${this.name} (${COLUMNS}) VALUES ${tuples}`, rows.flat());
  }

  /**
   * The oldest committed rows. Always from the start of the table: whoever commits late has a low number, and a place
   * that was passed would never be looked at again.
   */
  async head(db: SqlExecutor, max: number, now: number): Promise<readonly OutboxItem[]> {
    const text = `SELECT seq, ${COLUMNS} FROM ${this.name} WHERE refused IS NULL ORDER BY seq LIMIT ${Math.floor(max)}`;
    const rows = await this.#run(db, text, []);
    return rows.map((row) => ({ seq: Number(row['seq']), message: fromRow(row, now) }));
  }

  async remove(db: SqlExecutor, seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const list = seqs.map(() => '?').join(', ');
    await this.#run(db, `DELETE FROM ${this.name} WHERE seq IN (${list})`, seqs);
  }

  /** Kept for somebody to look at, and out of the way of the others. */
  async refuse(db: SqlExecutor, seq: number, why: string): Promise<void> {
    await this.#run(db, `UPDATE ${this.name} SET refused = ? WHERE seq = ?`, [why, seq]);
  }

  async #run(executor: SqlExecutor, text: string, values: readonly SqlValue[]) {
    try {
      return await executor.executeSql(inDialect(executor.dialect, text), values);
    } catch (cause) {
      const why = `the database refused a statement (${(cause as Error).name}): make the tables with outboxSchema()`;
      throw new OutboxError(this.name, why, { cause });
    }
  }
}
