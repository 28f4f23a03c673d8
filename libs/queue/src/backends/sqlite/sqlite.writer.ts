import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { BackendClosedError } from '../../backend/backend.errors.js';
import type { QueueError } from '../../message/queue-error.js';
import type { ResolvedSqliteOptions } from './sqlite.options.js';
import { isBusy, isCleanCommitFailure, outcomeUnknown, unavailable } from './sqlite.errors.js';

/** A transaction takes no further job after this long, so that a burst cannot hold up the event loop. */
const TURN_MS = 20;
/** Pause before asking again for a lock that somebody else has. */
const BUSY_PAUSE_MS = 2;

interface Job {
  /** Completes "could not …". */
  readonly doing: string;
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: QueueError) => void;
  /** Monotonic ms after which it no longer waits for a lock. */
  readonly giveUpAt: number;
  /** What a power cut may undo without a loss: its transaction alone does not wait for the disk. */
  readonly isHarmlessToLose: boolean;
  /** Shares its transaction with nobody. */
  alone: boolean;
}

export interface WriterEvents {
  /** A transaction was committed. */
  committed(): void;
  failed(error: QueueError): void;
}

export interface WriterSetup {
  readonly clock: Clock;
  readonly busyTimeoutMs: number;
  readonly synchronous: Synchronous;
  readonly events: WriterEvents;
}

type Synchronous = ResolvedSqliteOptions['synchronous'];

/**
 * The only one who writes. What one turn of the event loop brings joins one transaction, so a hundred publishes, or
 * a settlement and the claim after it, cost one commit. A job may run twice (when its transaction is undone for
 * another job's fault), so it keeps what it finds out in its return value.
 */
export class SqliteWriter {
  readonly #backend: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #busyTimeoutMs: number;
  readonly #events: WriterEvents;
  readonly #synchronous: Synchronous;
  #syncedAs: Synchronous | undefined;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #queue: Job[] = [];
  #turn: NodeJS.Immediate | undefined;
  #cancelPause: CancelTimer | undefined;
  #whenDrained: (() => void) | undefined;
  #closed = false;

  constructor(backend: string, db: DatabaseSync, setup: WriterSetup) {
    this.#backend = backend;
    this.#db = db;
    this.#clock = setup.clock;
    this.#busyTimeoutMs = setup.busyTimeoutMs;
    this.#events = setup.events;
    this.#synchronous = setup.synchronous;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
  }

  /** Runs `work` inside a transaction; resolves with what it returned once that is committed. */
  submit<T>(doing: string, work: () => T): Promise<T> {
    return this.#submit(doing, work, false);
  }

  /**
   * The same for work that a power cut may undo without a loss, such as a claim: what it took is simply there again.
   * A transaction of nothing else survives the process, and does not wait for the disk.
   */
  submitHarmless<T>(doing: string, work: () => T): Promise<T> {
    return this.#submit(doing, work, true);
  }

  #submit<T>(doing: string, work: () => T, isHarmlessToLose: boolean): Promise<T> {
    if (this.#closed) return Promise.reject(new BackendClosedError(this.#backend, doing));
    return new Promise<T>((resolve, reject) => {
      const giveUpAt = this.#clock.mono() + this.#busyTimeoutMs;
      this.#queue.push({
        doing,
        work,
        resolve: resolve as (value: unknown) => void,
        reject,
        giveUpAt,
        isHarmlessToLose,
        alone: false,
      });
      this.#schedule();
    });
  }

  /** Takes no more jobs, and finishes those it has, or fails them when the deadline (monotonic ms) passes. */
  async close(deadlineAt: number): Promise<void> {
    this.#closed = true;
    if (this.#queue.length > 0) await this.#drain(deadlineAt);
    clearImmediate(this.#turn);
    this.#cancelPause?.();
    for (const job of this.#queue.splice(0)) job.reject(new BackendClosedError(this.#backend, job.doing));
  }

  #drain(deadlineAt: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(deadlineAt - this.#clock.mono(), resolve);
      this.#whenDrained = () => {
        cancel();
        resolve();
      };
    });
  }

  #schedule(): void {
    if (this.#turn !== undefined || this.#cancelPause !== undefined) return;
    this.#turn = setImmediate(() => this.#runTurn());
  }

  #runTurn(): void {
    this.#turn = undefined;
    if (this.#queue.length > 0 && this.#enter()) this.#runTogether();
    if (this.#queue.length > 0) this.#schedule();
    else this.#whenDrained?.();
  }

  /** Opens a transaction. Otherwise whoever cannot wait has been told, and the rest is tried again later. */
  #enter(): boolean {
    try {
      this.#syncAs(
        this.#queue.every(({ isHarmlessToLose }) => isHarmlessToLose) ? 'NORMAL' : this.#synchronous,
      );
      this.#begin.run();
      return true;
    } catch (error) {
      if (isBusy(error)) this.#waitForLock(error);
      else
        for (const job of this.#queue.splice(0))
          this.#fail(job, unavailable(this.#backend, job.doing, error));
      return false;
    }
  }

  #syncAs(wanted: Synchronous): void {
    if (wanted === this.#syncedAs) return;
    this.#db.exec(`PRAGMA synchronous = ${wanted}`);
    this.#syncedAs = wanted;
  }

  #waitForLock(error: unknown): void {
    const now = this.#clock.mono();
    const late = this.#queue.filter((job) => job.giveUpAt <= now);
    if (late.length > 0) this.#queue = this.#queue.filter((job) => job.giveUpAt > now);
    for (const job of late) this.#fail(job, unavailable(this.#backend, job.doing, error));
    this.#cancelPause = this.#clock.timer(BUSY_PAUSE_MS, () => {
      this.#cancelPause = undefined;
      this.#runTurn();
    });
  }

  #runTogether(): void {
    const until = this.#clock.mono() + TURN_MS;
    const values: unknown[] = [];
    try {
      do values.push((this.#queue[values.length] as Job).work());
      while (this.#mayJoin(values.length) && this.#clock.mono() < until);
    } catch (error) {
      return this.#undo(this.#queue.splice(0, values.length + 1), error);
    }
    this.#finish(this.#queue.splice(0, values.length), values);
  }

  #mayJoin(next: number): boolean {
    return this.#queue[next]?.alone === false && this.#queue[0]?.alone === false;
  }

  #finish(jobs: readonly Job[], values: readonly unknown[]): void {
    try {
      this.#commit.run();
    } catch (error) {
      if (isCleanCommitFailure(error)) return this.#undo(jobs, error);
      this.#rollback();
      for (const job of jobs) this.#fail(job, outcomeUnknown(this.#backend, job.doing, error));
      return;
    }
    this.#events.committed();
    jobs.forEach((job, at) => job.resolve(values[at]));
  }

  /** One job spoiled the transaction, or the disk is full: each now gets a transaction and an answer of its own. */
  #undo(jobs: readonly Job[], error: unknown): void {
    this.#rollback();
    const [first] = jobs;
    if (jobs.length === 1 && first) return this.#fail(first, unavailable(this.#backend, first.doing, error));
    for (const job of jobs) job.alone = true;
    this.#queue.unshift(...jobs);
  }

  #rollback(): void {
    // SQLite has already rolled back by itself after some failures.
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  #fail(job: Job, error: QueueError): void {
    this.#events.failed(error);
    job.reject(error);
  }
}
