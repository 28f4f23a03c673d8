import type { Ambient } from '../../ambient/ambient.js';
import { sleep } from '../../ambient/clock.js';
import {
  BackendClosedError,
  UnknownSubscriptionError,
  UnorderedSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type {
  Backend,
  BackendFactory,
  BackendStatus,
  OpenedBackend,
  PublishCall,
  PublishResult,
  Receiver,
  StatusListener,
} from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { EphemeralReceiver } from '../../backend/ephemeral-receiver.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import { loadDriver } from '../../backend/load-driver.js';
import { StatusRecord } from '../../backend/status-record.js';
import { checkTopology, type Drift, type SubscriptionSpec, type Topology } from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Store } from '../../store/store.js';
import { PostgresBell } from './postgres.bell.js';
import { MAX_LEASE_MS, postgresCapabilities } from './postgres.capabilities.js';
import { PostgresCatalogue } from './postgres.catalogue.js';
import { PostgresClaims } from './postgres.claims.js';
import type { PostgresConnection, PostgresDriver } from './postgres.connection.js';
import { PostgresDatabase } from './postgres.database.js';
import { driftBetween } from './postgres.drift.js';
import { PostgresEnlist } from './postgres.enlist.js';
import { PostgresInspector } from './postgres.inspector.js';
import { PostgresMigration } from './postgres.migration.js';
import { PostgresOptions, noticesOf, resolveOptions } from './postgres.options.js';
import type { PoolSetup } from './postgres.pool.js';
import { PostgresPublisher } from './postgres.publisher.js';
import { PostgresReceiver } from './postgres.receiver.js';
import { openChecked, secretsOf } from './postgres.server.js';
import { PostgresStore } from './postgres.store.js';
import { PostgresStoring } from './postgres.storing.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

/** Messages in tables of a PostgreSQL database, shared by all processes that reach it. */
class PostgresBackend implements Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly store: Store;
  readonly #setup: PoolSetup;
  readonly #database: PostgresDatabase;
  readonly #bell: PostgresBell;
  readonly #migration: PostgresMigration;
  readonly #catalogue: PostgresCatalogue;
  readonly #claims: PostgresClaims;
  readonly #publisher: PostgresPublisher;
  readonly #enlist: PostgresEnlist;
  readonly #inspector: PostgresInspector;
  readonly #receivers = new Set<Receiver>();
  #closing: Promise<void> | undefined;

  constructor(name: string, setup: PoolSetup, first: PostgresConnection) {
    const database = new PostgresDatabase(setup);
    this.name = name;
    this.capabilities = postgresCapabilities(setup.options);
    this.#setup = setup;
    this.#database = database;
    this.#bell = new PostgresBell(setup, database.pool);
    this.#migration = new PostgresMigration(name, database);
    this.#catalogue = new PostgresCatalogue(name, database);
    this.#claims = new PostgresClaims(database, setup.ambient.random);
    const shared = { database, catalogue: this.#catalogue, bell: this.#bell };
    const storing = new PostgresStoring(name, database.schema);
    this.#publisher = new PostgresPublisher({ ...shared, owner: this, storing });
    const { redact, options } = setup;
    this.#enlist = new PostgresEnlist({ ...shared, owner: this, storing, redact, schema: options.schema });
    this.store = new PostgresStore({ backend: name, database });
    this.#inspector = new PostgresInspector({ ...shared, backend: name, claims: this.#claims });
    this.#bell.start(first);
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    this.#refuseWhenClosed('ensure the topology');
    if (mode === 'check') return driftBetween(topology, await this.#found());
    checkTopology(topology, this);
    await this.#migration.run();
    const { filled } = await this.#catalogue.declare(topology);
    this.#bell.ring(filled);
    return driftBetween(topology, await this.#catalogue.known());
  }

  /** Throws PostgresSchemaError where the tables are missing, or of another release. */
  async #found(): Promise<PostgresTopology> {
    await this.#migration.check();
    return this.#catalogue.reload();
  }

  async publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    this.#refuseWhenClosed('publish');
    if (batch.length === 0) return [];
    const { tx } = options ?? {};
    return tx === undefined
      ? this.#publisher.publish(batch, options)
      : this.#enlist.publish(batch, { ...options, tx });
  }

  async open(subscription: SubscriptionSpec): Promise<Receiver> {
    this.#refuseWhenClosed('open a subscription');
    const { name, leaseMs, order } = subscription;
    if (!(leaseMs > 0 && leaseMs <= MAX_LEASE_MS)) {
      const remedy = `use more than 0 and at most ${MAX_LEASE_MS} ms`;
      throw new UnsupportedError(this.name, `lease for ${leaseMs} ms`, remedy);
    }
    const known = (await this.#catalogue.reload()).byName.get(name);
    if (known === undefined) throw new UnknownSubscriptionError(this.name, name);
    if (order !== undefined && !known.ordered) throw new UnorderedSubscriptionError(this.name, name);
    return this.#openReceiver(subscription, known);
  }

  #openReceiver(spec: SubscriptionSpec, { id, ordered, expiresAfterMs }: KnownSubscription): Receiver {
    const { ambient } = this.#setup;
    const parts = { backend: this.name, ambient, claims: this.#claims, bell: this.#bell };
    const opened = { spec, id, isOrdered: ordered };
    const receiver = new PostgresReceiver(parts, opened, () => this.#receivers.delete(receiver));
    this.#receivers.add(receiver);
    if (expiresAfterMs === undefined) return receiver;
    const kept = { backend: this.name, subscription: spec.name, expiresAfterMs };
    const owner = new EphemeralReceiver(receiver, kept, {
      clock: ambient.clock,
      renew: () => this.#catalogue.renew(id).catch(() => undefined),
      remove: () => this.#catalogue.remove(id),
    });
    this.#receivers.add(owner);
    return owner;
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    this.#refuseWhenClosed('inspect');
    yield* this.#inspector.inspect(query);
  }

  status(): BackendStatus {
    return this.#setup.status.read();
  }

  onStatus(listener: StatusListener): void {
    this.#setup.status.onChange(listener);
  }

  close(deadline: Date): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: Date): Promise<void> {
    const { clock } = this.#setup.ambient;
    const leftMs = deadline.getTime() - clock.now();
    const deadlineAt = clock.mono() + leftMs;
    const closing = Promise.all([...this.#receivers].map((receiver) => receiver.close()));
    const closed = new AbortController();
    await Promise.race([closing.then(() => closed.abort()), sleep(clock, leftMs, closed.signal)]);
    await this.#database.pool.close(deadlineAt);
    await this.#bell.close();
    this.#setup.status.closed();
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closing !== undefined) throw new BackendClosedError(this.name, doing);
  }
}

async function open(
  name: string,
  given: PostgresOptions,
  ambient: Ambient,
): Promise<Required<OpenedBackend>> {
  const { default: pg } = await loadDriver('pg', () => import('pg'));
  const driver: PostgresDriver = pg.Client;
  const options = resolveOptions(given);
  const redact = secretsOf(options);
  const status = new StatusRecord(ambient.clock);
  const setup: PoolSetup = { backend: name, driver, options, ambient, status, redact };
  const backend = new PostgresBackend(name, setup, await openChecked(setup));
  return { backend, store: backend.store };
}

export const postgresBackend = Object.freeze<BackendFactory<PostgresOptions>>({
  kind: 'postgres',
  optionsClass: PostgresOptions,
  open,
  foresee: (options) => ({ capabilities: postgresCapabilities(resolveOptions(options)), remembers: true }),
  notices: (options) => noticesOf(resolveOptions(options)),
});
