import type { Clock } from '../../ambient/clock.js';
import { OutboxError } from './outbox.errors.js';
import { leaseTable } from './outbox.schema.js';
import { inDialect, type SqlExecutor, type SqlRow, type SqlValue } from './sql-executor.js';

export interface LeaseParts {
  readonly executor: SqlExecutor;
  /** Name of the outbox's table. */
  readonly outbox: string;
  /** Unique among all relays, at all times. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly clock: Clock;
}

/**
 * Which of the relays of one outbox is at work. The owner raises a number again and again; whoever sees it stand still
 * for the length of a lease takes over. No wall clock is compared with another, so wrong ones change nothing.
 */
export class OutboxLease {
  readonly #parts: LeaseParts;
  readonly #table: string;
  /** Monotonic ms until which nobody else can have taken over. */
  #endsAt = -Infinity;
  /** The last state of somebody else's lease, and since when it stands. */
  #seen: { readonly state: string; readonly at: number } | undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#table = leaseTable(parts.outbox);
  }

  /** Whether it is ours for two thirds of its length at least, renewed or taken over if need be. */
  async hold(): Promise<boolean> {
    const { clock, leaseMs, owner } = this.#parts;
    const now = clock.mono();
    if (this.#endsAt - now >= (leaseMs * 2) / 3) return true;
    const [holder, beat] = await this.#read();
    if (holder !== owner && holder !== undefined && !this.#isStill(`${holder} ${beat}`)) return false;
    await this.#run(`UPDATE ${this.#table} SET owner = ?, beat = ? WHERE name = 'relay' AND beat = ?`, [
      owner,
      beat + 1,
      beat,
    ]);
    const [winner, current] = await this.#read();
    if (winner !== owner || current !== beat + 1) return false;
    // Counted from before the question: whoever watches has seen the new beat later than that.
    this.#endsAt = now + leaseMs;
    return true;
  }

  /** Gives it back, so that nobody has to wait for its end. */
  async release(): Promise<void> {
    if (this.#endsAt === -Infinity) return;
    this.#endsAt = -Infinity;
    const text = `UPDATE ${this.#table} SET owner = NULL, beat = beat + 1 WHERE name = 'relay' AND owner = ?`;
    await this.#run(text, [this.#parts.owner]);
  }

  #isStill(state: string): boolean {
    const now = this.#parts.clock.mono();
    if (this.#seen?.state !== state) this.#seen = { state, at: now };
    return now - this.#seen.at >= this.#parts.leaseMs;
  }

  async #read(): Promise<readonly [holder: string | undefined, beat: number]> {
    const [row] = await this.#run(`SELECT owner, beat FROM ${this.#table} WHERE name = 'relay'`, []);
    if (row === undefined)
      throw new OutboxError(this.#table, 'is empty: run all statements of outboxSchema()');
    return [typeof row['owner'] === 'string' ? row['owner'] : undefined, Number(row['beat'])];
  }

  #run(text: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    const { executor } = this.#parts;
    return executor.executeSql(inDialect(executor.dialect, text), values);
  }
}
