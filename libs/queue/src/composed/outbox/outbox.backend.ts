import { type Clock, sleep } from '../../ambient/clock.js';
import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendUnavailableError,
  InvalidTransactionError,
  PayloadTooLargeError,
} from '../../backend/backend.errors.js';
import type { Backend, BackendStatus, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { Drift, SubscriptionSpec, Topology } from '../../backend/topology.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import { Relay } from '../../relay/relay.js';
import type { RelayReport } from '../../relay/relay-report.js';
import { OutboxError } from './outbox.errors.js';
import { OutboxLease } from './outbox.lease.js';
import { DEFAULT_OUTBOX } from './outbox.schema.js';
import { OutboxSource } from './outbox.source.js';
import { type OutboxItem, OutboxTable } from './outbox.table.js';
import { isSqlExecutor, outsideTransactions, type SqlExecutor } from './sql-executor.js';

export interface OutboxOptions {
  /** How the relay reaches the database, outside of any transaction: a pool or a connection of its own. */
  readonly executor: SqlExecutor;
  /** Default `outbox`. */
  readonly table?: string | undefined;
  /** How often the relay looks for what other processes wrote, in ms. Default 200. */
  readonly pollMs?: number | undefined;
  /** Most messages under way at once. Default 256. */
  readonly batch?: number | undefined;
  /** After how long without a sign of life another relay takes over, in ms. Default 15 000. */
  readonly leaseMs?: number | undefined;
  /** Whether this process relays; at least one must. Default true. */
  readonly relay?: boolean | undefined;
  /** Told of each message that the broker will never take; its row is kept with the reason. */
  readonly onRefused?: ((message: Outgoing, error: QueueError) => void) | undefined;
}

/**
 * A backend whose publishes can be a part of a transaction in the application's own database: `tx` writes a row there, and
 * a relay publishes the committed rows, in order, to the backend that this one is made of. A publish without `tx` goes to
 * that one directly. At least once: what was published and not yet deleted, as after a crash, is published again with
 * the same id.
 */
export class OutboxBackend extends ForwardingBackend {
  /** As of the inner one: nothing of the outbox is in the way of a plain publish. */
  readonly publishNow: Backend['publishNow'];
  readonly publishEach: Backend['publishEach'];
  readonly #table: OutboxTable;
  readonly #lease: OutboxLease;
  readonly #source: OutboxSource;
  readonly #relay: Relay<OutboxItem>;
  readonly #clock: Clock;
  readonly #executor: SqlExecutor;
  readonly #relays: boolean;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(inner: Backend, options: OutboxOptions, ambient: Ambient) {
    super(inner);
    this.publishNow = inner.publishNow?.bind(inner);
    this.publishEach = inner.publishEach?.bind(inner);
    const { table = DEFAULT_OUTBOX, pollMs = 200, leaseMs = 15_000 } = options;
    const { clock, ids } = ambient;
    checkOptions(table, { executor: options.executor, pollMs, leaseMs });
    const executor = outsideTransactions(options.executor, clock);
    this.#executor = executor;
    this.#clock = clock;
    this.#relays = options.relay ?? true;
    this.#table = new OutboxTable(table);
    const shared = { executor, clock };
    this.#lease = new OutboxLease({ ...shared, outbox: table, owner: ids.next(clock.now()), leaseMs });
    const onRefused = options.onRefused ?? (() => undefined);
    this.#source = new OutboxSource({
      ...shared,
      table: this.#table,
      lease: this.#lease,
      pollMs,
      onRefused,
    });
    // A batch that was begun with the lease is over before somebody else can have it.
    const limits = { batch: options.batch, timeoutMs: leaseMs / 2 };
    this.#relay = new Relay({ ...limits, name: table, source: this.#source, target: inner, ambient });
  }

  override get capabilities(): Capabilities {
    return { ...this.inner.capabilities, tx: 'enlist' };
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const drifts = await this.inner.ensure(topology, mode);
    // Not before: what is relayed to a broker without its subscriptions is refused for good.
    this.#start();
    return drifts;
  }

  override open(spec: SubscriptionSpec): Promise<Receiver> {
    this.#start();
    return this.inner.open(spec);
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    this.#start();
    const { tx } = call ?? {};
    if (!isSqlExecutor(tx)) return this.inner.publish(batch, call);
    return this.#write(batch, tx);
  }

  /** How far the relay of this process has come. */
  get report(): RelayReport {
    return this.#relay.report;
  }

  override status(): BackendStatus {
    const status = this.inner.status();
    const { trouble } = this.#source;
    return trouble === undefined || status.state !== 'up'
      ? status
      : { ...status, state: 'degraded', lastError: `outbox: ${trouble}` };
  }

  /** Lets the batch under way end, and hands the lease on; what is left waits for the next relay. */
  override async close(deadline: Date): Promise<void> {
    this.#stop.abort();
    const leftMs = Math.max(0, deadline.getTime() - this.#clock.now());
    const over = new AbortController();
    const ended = this.#end().then(() => over.abort());
    await Promise.race([ended, sleep(this.#clock, leftMs, over.signal)]);
    await this.inner.close(deadline);
  }

  #start(): void {
    if (this.#relays && !this.#stop.signal.aborted) this.#running ??= this.#relay.run(this.#stop.signal);
  }

  /** A lease that cannot be given back runs out. */
  async #end(): Promise<void> {
    await this.#running;
    await this.#lease.release().catch(() => undefined);
  }

  async #write(batch: readonly Outgoing[], tx: SqlExecutor): Promise<readonly PublishResult[]> {
    const refused = batch.map((message) => this.#refusal(message, tx));
    const good = batch.filter((_, at) => refused[at] === undefined);
    try {
      if (good.length > 0) await this.#table.insert(tx, good, this.#clock.now());
    } catch (cause) {
      const error = new BackendUnavailableError(this.name, 'write to its outbox', (cause as Error).message, {
        cause,
      });
      return batch.map((_, at) => refused[at] ?? { status: 'refused', error });
    }
    this.#source.nudge();
    return refused.map((result) => result ?? WRITTEN);
  }

  #refusal({ body }: Outgoing, tx: SqlExecutor): PublishResult | undefined {
    const { maxBytes } = this.inner.capabilities;
    if (tx.inTransaction?.() === false) {
      const remedy = 'begin one, and commit after the publish';
      const error = new InvalidTransactionError(this.name, 'has no transaction open', remedy);
      return { status: 'refused', error };
    }
    if (tx.dialect !== this.#executor.dialect) {
      const why = `is of ${tx.dialect}, and the outbox is in ${this.#executor.dialect}`;
      const error = new InvalidTransactionError(this.name, why, 'give an executor over that database');
      return { status: 'refused', error };
    }
    if (byteLength(body) <= maxBytes) return undefined;
    return { status: 'refused', error: new PayloadTooLargeError(this.name, byteLength(body), maxBytes) };
  }
}

/** How many subscriptions will get it is known when it is relayed. */
const WRITTEN: PublishResult = Object.freeze({ status: 'stored', copies: 0 });

function checkOptions(
  table: string,
  { executor, pollMs, leaseMs }: { executor: unknown; pollMs: number; leaseMs: number },
): void {
  if (!isSqlExecutor(executor)) throw new OutboxError(table, 'give an executor, such as fromPg(pool)');
  if (!(pollMs >= 1)) throw new OutboxError(table, `pollMs is ${pollMs}: give 1 or more`);
  if (!(leaseMs >= 100)) throw new OutboxError(table, `leaseMs is ${leaseMs}: give 100 or more`);
}
