import type { Ambient } from '../ambient/ambient.js';
import type { Backend, OpenedBackend } from '../backend/backend.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import type { SqlExecutor } from '../composed/outbox/sql-executor.js';
import type { LawTime } from './law-time.js';

/** How the laws get hold of a backend. */
export interface BackendFixture {
  readonly name: string;
  /** A new broker, empty. Called once per law. */
  create(): Promise<World>;
}

/** Called once for each process that uses the application's database. */
export type AlterSql = (executor: SqlExecutor) => SqlExecutor;

/** The two backends that a delay store is made of. */
export interface DelayStorePair {
  readonly inner: Backend;
  readonly later: Backend;
}

/** Called once for each process with a delay store. */
export type AlterDelayStore = (pair: DelayStorePair) => DelayStorePair;

/** One broker, and what a law may do to it. */
export interface World {
  readonly time: LawTime;
  readonly ambient: Ambient;
  /** Connects to the broker, as one more process would. A broker that lives in one process gives the same one again. */
  connect(): Promise<OpenedBackend>;
  /** The same from a host whose wall clock is `offsetMs` off. Absent where all processes share one clock. */
  connectSkewed?(offsetMs: number): Promise<OpenedBackend>;
  /** Begins a transaction that a publish can join. Absent where there is nothing to join. */
  begin?(): Promise<LawTransaction>;
  /** Puts something into every consumer of a law, such as a known mistake. */
  readonly alterConsumer?: ((options: ConsumerOptions) => ConsumerOptions) | undefined;
  /** How a mutant alters the statements of outboxes and inboxes. Absent everywhere else. */
  readonly alterSql?: AlterSql | undefined;
  /** How a mutant alters what a delay store is made of. Absent everywhere else. */
  readonly alterDelayStore?: AlterDelayStore | undefined;
  /** Frees everything, the broker's data included. Called after every connection was closed. */
  dispose(): Promise<void>;
}

/** A transaction of a caller's own, in the place where the broker keeps its messages. */
export interface LawTransaction {
  /** What a publish is given. */
  readonly tx: unknown;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}
