import type { DatabaseSync } from 'node:sqlite';
import type { Ambient } from '../../ambient/ambient.js';
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
import { NothingRetainedError } from '../../backend/retention.js';
import { StatusRecord } from '../../backend/status-record.js';
import { checkTopology, type Drift, type SubscriptionSpec, type Topology } from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import { SqliteBell } from './sqlite.bell.js';
import { MAX_LEASE_MS, sqliteCapabilities } from './sqlite.capabilities.js';
import { openDatabase, whileBusy } from './sqlite.connection.js';
import { SqliteEnlist } from './sqlite.enlist.js';
import { unavailable } from './sqlite.errors.js';
import { SqliteCounters } from './sqlite.counters.js';
import { SqliteDedup } from './sqlite.dedup.js';
import { SqliteInspector } from './sqlite.inspector.js';
import { type ResolvedSqliteOptions, resolveOptions, SqliteOptions } from './sqlite.options.js';
import { SqlitePublisher } from './sqlite.publisher.js';
import { SqliteReceiver } from './sqlite.receiver.js';
import { SqliteStore } from './sqlite.store.js';
import { type Found, SqliteTopology } from './sqlite.topology.js';
import { SqliteTrim } from './sqlite.trim.js';
import { SqliteMessages } from './sqlite.wire.js';
import { SqliteWriter } from './sqlite.writer.js';

interface Parts {
  readonly db: DatabaseSync;
  readonly options: ResolvedSqliteOptions;
  readonly ambient: Ambient;
  readonly status: StatusRecord;
  readonly bell: SqliteBell;
  readonly writer: SqliteWriter;
}

/** Messages in one SQLite file, shared by the processes of one host. Needs nothing but Node. */
class SqliteBackend implements Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #parts: Parts;
  readonly #topology: SqliteTopology;
  readonly #messages: SqliteMessages;
  readonly #counters: SqliteCounters;
  readonly #publisher: SqlitePublisher;
  readonly #enlist: SqliteEnlist;
  readonly #inspector: SqliteInspector;
  readonly #trim: SqliteTrim;
  readonly #receivers = new Set<Receiver>();
  #closing: Promise<void> | undefined;

  constructor(name: string, parts: Parts) {
    const { db, writer, bell, options } = parts;
    const { clock } = parts.ambient;
    this.name = name;
    this.capabilities = sqliteCapabilities(options.maxBytes);
    this.#parts = parts;
    this.#topology = new SqliteTopology(db);
    const { keyOrder } = this.#topology;
    this.#messages = new SqliteMessages(db, keyOrder);
    this.#counters = new SqliteCounters(db);
    this.#trim = new SqliteTrim(db, writer);
    const shared = { backend: name, clock, writer, bell, topology: this.#topology, messages: this.#messages };
    this.#publisher = new SqlitePublisher({
      ...shared,
      counters: this.#counters,
      dedup: new SqliteDedup(db),
      maxBytes: options.maxBytes,
    });
    const { maxBytes, pollMs } = options;
    this.#enlist = new SqliteEnlist({ backend: name, db, clock, writer, bell, maxBytes, pollMs });
    const [topology, messages] = [this.#topology, this.#messages];
    this.#inspector = new SqliteInspector(name, { db, clock, writer, bell, topology, messages });
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    this.#refuseWhenClosed('ensure the topology');
    if (mode === 'check') return this.#read('check the topology', () => this.#topology.compare(topology));
    checkTopology(topology, this);
    const made = await this.#parts.writer.submit('create the topology', () => this.#create(topology));
    if (made instanceof NothingRetainedError) throw made;
    return made;
  }

  /** Inside a transaction: all of it, or an error and nothing. */
  #create(topology: Topology): readonly Drift[] | NothingRetainedError {
    const startless = this.#topology.startlessIn(topology);
    if (startless !== undefined) return new NothingRetainedError(this.name, startless);
    const { isChanged, late } = this.#topology.create(topology, this.#parts.ambient.clock.now());
    if (isChanged) this.#counters.topologyChanged();
    this.#topology.refresh(this.#counters.read().topology);
    for (const listener of late) this.#publisher.storeLate(listener);
    if (late.length > 0) this.#parts.bell.mark();
    return this.#topology.compare(topology);
  }

  async publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    this.#refuseWhenClosed('publish');
    if (batch.length === 0) return [];
    const { tx } = options ?? {};
    return tx === undefined ? this.#publisher.publish(batch, options) : this.#enlist.publish(batch, tx);
  }

  async open(subscription: SubscriptionSpec): Promise<Receiver> {
    this.#refuseWhenClosed('open a subscription');
    const { name, leaseMs, order } = subscription;
    if (!(leaseMs > 0 && leaseMs <= MAX_LEASE_MS)) {
      throw new UnsupportedError(
        this.name,
        `lease for ${leaseMs} ms`,
        `use more than 0 and at most ${MAX_LEASE_MS} ms`,
      );
    }
    const found = await this.#read('open a subscription', () => this.#topology.find(name));
    if (found === undefined) throw new UnknownSubscriptionError(this.name, name);
    if (order !== undefined && !found.ordered) throw new UnorderedSubscriptionError(this.name, name);
    return this.#openReceiver(subscription, found);
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    this.#refuseWhenClosed('inspect');
    yield* this.#inspector.inspect(query);
  }

  onStatus(listener: StatusListener): void {
    this.#parts.status.onChange(listener);
  }

  status(): BackendStatus {
    return this.#parts.status.read();
  }

  close(deadline: Date): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  #openReceiver(spec: SubscriptionSpec, { id, expiresAfterMs }: Found): Receiver {
    const { ambient, writer, bell } = this.#parts;
    const idle = (): void => this.#trim.run();
    const { keyOrder } = this.#topology;
    const parts = { backend: this.name, ambient, writer, bell, messages: this.#messages, keyOrder, idle };
    const receiver = new SqliteReceiver(parts, spec, id, () => this.#receivers.delete(receiver));
    this.#receivers.add(receiver);
    if (expiresAfterMs === undefined) return receiver;
    const { ephemeral } = this.#topology;
    const kept = { backend: this.name, subscription: spec.name, expiresAfterMs };
    const owner = new EphemeralReceiver(receiver, kept, {
      clock: ambient.clock,
      renew: () => writer.submit('renew a subscription', () => ephemeral.renew(id, ambient.clock.now())),
      remove: () =>
        writer.submit('remove a subscription', () => {
          ephemeral.remove(id);
          this.#counters.topologyChanged();
        }),
    });
    this.#receivers.add(owner);
    return owner;
  }

  async #close(deadline: Date): Promise<void> {
    const { ambient, writer, bell, status, db } = this.#parts;
    const { clock } = ambient;
    for (const receiver of this.#receivers) await receiver.close();
    await writer.close(clock.mono() + deadline.getTime() - clock.now());
    this.#enlist.close();
    bell.close();
    status.closed();
    db.close();
  }

  async #read<T>(doing: string, look: () => T): Promise<T> {
    const { ambient, options } = this.#parts;
    try {
      return await whileBusy(ambient.clock, options.busyTimeoutMs, look);
    } catch (error) {
      throw unavailable(this.name, doing, error);
    }
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closing !== undefined) throw new BackendClosedError(this.name, doing);
  }
}

/** Wires the parts that share an open database. */
export function assemble(
  name: string,
  db: DatabaseSync,
  options: ResolvedSqliteOptions,
  ambient: Ambient,
): Required<OpenedBackend> {
  const { clock } = ambient;
  const { busyTimeoutMs, file, pollMs, synchronous } = options;
  const status = new StatusRecord(clock);
  const bell = new SqliteBell({ file, pollMs, clock, db });
  const events = {
    committed: (): void => {
      status.worked();
      bell.committed();
    },
    failed: (error: Error): void => status.failed(error),
  };
  const writer = new SqliteWriter(name, db, { clock, busyTimeoutMs, synchronous, events });
  const backend = new SqliteBackend(name, { db, options, ambient, status, bell, writer });
  return { backend, store: new SqliteStore(name, { db, clock, writer, busyTimeoutMs }) };
}

export const sqliteBackend: BackendFactory<SqliteOptions> = {
  kind: 'sqlite',
  optionsClass: SqliteOptions,
  foresee: (given) => ({
    capabilities: sqliteCapabilities(resolveOptions('sqlite', given).maxBytes),
    remembers: true,
  }),
  async open(name: string, given: SqliteOptions, ambient: Ambient): Promise<Required<OpenedBackend>> {
    const options = resolveOptions(name, given);
    const db = await openDatabase(name, options, ambient.clock);
    try {
      return assemble(name, db, options, ambient);
    } catch (error) {
      db.close();
      throw unavailable(name, 'open its database', error);
    }
  },
};
