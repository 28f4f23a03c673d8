import { type Clock, sleep } from '../../ambient/clock.js';
import { describeError } from '../../message/error-info.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import type { RelayResult, RelaySource } from '../../relay/relay-source.js';
import type { OutboxLease } from './outbox.lease.js';
import type { OutboxItem, OutboxTable } from './outbox.table.js';
import type { SqlExecutor } from './sql-executor.js';

/** How often it looks just after this process has written: nobody tells when a transaction commits. */
const QUICK_MS = 10;

export interface OutboxSourceParts {
  readonly executor: SqlExecutor;
  readonly table: OutboxTable;
  readonly lease: OutboxLease;
  readonly clock: Clock;
  readonly pollMs: number;
  /** A message that the target will never take was put aside. */
  readonly onRefused: (message: Outgoing, error: QueueError) => void;
}

/**
 * The rows of an outbox, oldest first, for the one relay that has the lease. What was moved is deleted; what the target
 * will never take is kept with the reason, and in nobody's way.
 */
export class OutboxSource implements RelaySource<OutboxItem> {
  readonly name: string;
  readonly #parts: OutboxSourceParts;
  #quickUntil = -Infinity;
  #asleep = new AbortController();
  /** Moved, and not deleted yet: not to be moved again by us, however long the database is away. */
  readonly #moved = new Set<number>();
  /** What went wrong last with the database, until it goes well again. */
  trouble: string | undefined;

  constructor(parts: OutboxSourceParts) {
    this.#parts = parts;
    this.name = `outbox ${parts.table.name}`;
  }

  /** This process has written, and is about to commit. */
  nudge(): void {
    this.#quickUntil = this.#parts.clock.mono() + this.#parts.pollMs;
    this.#asleep.abort();
  }

  async take(max: number, signal: AbortSignal): Promise<readonly OutboxItem[]> {
    const items = await this.#watched(() => this.#head(max));
    if (items.length === 0) await this.#rest(signal);
    return items;
  }

  async done(results: readonly RelayResult<OutboxItem>[]): Promise<void> {
    for (const { item, outcome } of results) {
      if (outcome.kind === 'moved' || outcome.kind === 'dropped') this.#moved.add(item.seq);
    }
    await this.#watched(async () => {
      await this.#forget();
      for (const { item, outcome } of results) {
        if (outcome.kind === 'refused') await this.#putAside(item, outcome.error);
      }
    });
  }

  /** Deletes what was moved. */
  async #forget(): Promise<void> {
    const { executor, table } = this.#parts;
    await table.remove(executor, [...this.#moved]);
    this.#moved.clear();
  }

  async #putAside({ seq, message }: OutboxItem, error: QueueError): Promise<void> {
    const { executor, table, onRefused } = this.#parts;
    await table.refuse(executor, seq, `${error.code}: ${error.message}`);
    onRefused(message, error);
  }

  async #head(max: number): Promise<readonly OutboxItem[]> {
    const { executor, table, lease, clock } = this.#parts;
    await this.#forget();
    if (!(await lease.hold())) return [];
    return table.head(executor, max, clock.now());
  }

  async #watched<T>(work: () => Promise<T>): Promise<T> {
    try {
      const value = await work();
      this.trouble = undefined;
      return value;
    } catch (error) {
      this.trouble = describeError(error).message;
      throw error;
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, pollMs } = this.#parts;
    const quick = clock.mono() < this.#quickUntil;
    this.#asleep = new AbortController();
    await sleep(clock, quick ? Math.min(QUICK_MS, pollMs) : pollMs, either(signal, this.#asleep.signal));
  }
}

function either(one: AbortSignal, other: AbortSignal): AbortSignal {
  return AbortSignal.any([one, other]);
}
