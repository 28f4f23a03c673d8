import { SubscriptionFullError, UnroutableError } from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import { textArray } from './postgres.arrays.js';
import { type Admitted, PostgresBounds } from './postgres.bounds.js';
import { catalogueLock } from './postgres.catalogue.js';
import {
  type Copy,
  plainValues,
  storePlainStatement,
  storeStatement,
  storeValues,
} from './postgres.copies.js';
import { type DedupWindow, PostgresDedup } from './postgres.dedup.js';
import { PostgresLog } from './postgres.log.js';
import { namedStatements, type Session } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

/** The topology is another one by now: nothing was stored, and the same again with the new one may work. */
export class StaleTopologyError extends QueueError {
  readonly code = 'stale_topology';

  constructor(backend: string) {
    super(`the topology of backend "${backend}" keeps changing: publish again later`);
  }
}

/** What a publish did, beside its results. */
export interface Stored {
  readonly results: readonly PublishResult[];
  /** Ids of the subscriptions that got something. */
  readonly to: ReadonlySet<number>;
}

/** A batch with what is known of it before anything is sent. */
export interface Batch {
  readonly messages: readonly Outgoing[];
  /** By place; undefined: none. */
  readonly objections: readonly (QueueError | undefined)[];
}

/** How one statement is run: as a transaction of its own, or in one. */
export type Run = Session['run'];

const storingStatements = (s: string) =>
  namedStatements({
    store: storeStatement(s),
    storePlain: storePlainStatement(s),
    shareCatalogue: `SELECT pg_advisory_xact_lock_shared(${catalogueLock(s)})::text AS locked`,
    topologyVersion: `SELECT topology::text AS version FROM ${s}.meta`,
    turnsLock: `SELECT ${s}.line_lock($1)::text AS locked`,
    turnsUp: `SELECT ${s}.line_up($1)::text AS decided`,
    turnsNext: `SELECT ${s}.line_next($1, key)::text AS changed FROM unnest($2::text[]) AS key`,
  });

/** Stores batches. What is plain takes one statement; dedup, bounds and topics that retain take a transaction. */
export class PostgresStoring {
  readonly #backend: string;
  readonly #schema: string;
  readonly #sql: ReturnType<typeof storingStatements>;
  readonly #dedup: PostgresDedup;
  readonly #log: PostgresLog;

  constructor(backend: string, schema: string) {
    this.#backend = backend;
    this.#schema = schema;
    this.#sql = storingStatements(schema);
    this.#dedup = new PostgresDedup(schema);
    this.#log = new PostgresLog(schema);
  }

  /** Whether the batch can be stored by `plainly`. */
  isPlain({ messages }: Batch, topology: PostgresTopology): boolean {
    return !messages.some(
      (message) =>
        (message.dedup !== undefined && message.to === undefined) ||
        isRetained(message, topology) ||
        takersOf(message, topology).some(({ bounds }) => bounds !== undefined),
    );
  }

  async plainly(run: Run, batch: Batch, topology: PostgresTopology): Promise<Stored> {
    const takers = batch.messages.map((message, at) =>
      batch.objections[at] === undefined ? takersOf(message, topology) : [],
    );
    const copies = batch.messages.flatMap((message, at) =>
      (takers[at] ?? []).map((to): Copy => ({ message, to })),
    );
    await this.#insert(run, copies, topology);
    const results = batch.messages.map((message, at) => {
      const error = batch.objections[at] ?? this.#unroutable(message, topology);
      return error === undefined ? stored(takers[at]?.length ?? 0) : refuse(error);
    });
    return { results, to: new Set(copies.map(({ to }) => to.id)) };
  }

  /** Inside a transaction, which has to be undone when this throws. */
  async carefully(session: Session, batch: Batch, topology: PostgresTopology): Promise<Stored> {
    if (batch.messages.some((message) => isRetained(message, topology))) {
      await session.run(this.#sql.shareCatalogue, []);
    }
    const { rows } = await session.run(this.#sql.topologyVersion, []);
    if (rows[0]?.[0] !== topology.version) throw new StaleTopologyError(this.#backend);
    const valid = batch.messages.filter((_, at) => batch.objections[at] === undefined);
    const routable = valid.filter((message) => this.#unroutable(message, topology) === undefined);
    const window = await this.#dedup.remember(session, routable);
    const admission = await this.#admission(session, routable, topology);
    const results = batch.messages.map((message, at) => {
      const error = batch.objections[at] ?? this.#unroutable(message, topology);
      return error === undefined ? this.#one(message, { window, admission, topology }) : refuse(error);
    });
    await this.#finish(session, { window, admission, topology });
    return { results, to: new Set(admission.bounds.copies.map(({ to }) => to.id)) };
  }

  async #admission(
    session: Session,
    messages: readonly Outgoing[],
    topology: PostgresTopology,
  ): Promise<Careful['admission']> {
    const bounds = new PostgresBounds(this.#backend, this.#schema, topology);
    const concerned = bounds.concerned(messages.map((message) => takersOf(message, topology)));
    for (const { id, ordered } of concerned) if (ordered) await session.run(this.#sql.turnsUp, [id]);
    await bounds.load(session, concerned, messages.length);
    return { bounds, retained: [] };
  }

  #one(message: Outgoing, { window, admission, topology }: Careful): PublishResult {
    if (window.knows(message)) return DUPLICATE;
    const admitted = admission.bounds.admit(message, takersOf(message, topology));
    if (admitted instanceof SubscriptionFullError) return refuse(admitted);
    const retained = isRetained(message, topology);
    if (retained) admission.retained.push(message);
    if (retained || admitted.copies.length > 0) window.stored(message);
    return resultOf(admitted, retained);
  }

  async #finish(session: Session, { window, admission, topology }: Careful): Promise<void> {
    const { bounds, retained } = admission;
    const turns = await bounds.carryOut(session);
    await this.#insert((...call) => session.run(...call), bounds.copies, topology);
    await this.#log.keep(session, retained, topology);
    await this.#dedup.forget(session, window.unused);
    for (const { id, key } of turns) {
      await session.run(this.#sql.turnsLock, [id]);
      await session.run(this.#sql.turnsNext, [id, textArray([key])]);
    }
  }

  async #insert(run: Run, copies: readonly Copy[], topology: PostgresTopology): Promise<void> {
    if (copies.length === 0) return;
    const plain = plainValues(topology.version, copies);
    const { rows } =
      plain === undefined
        ? await run(this.#sql.store, storeValues(topology.version, copies))
        : await run(this.#sql.storePlain, plain);
    if (Number(rows[0]?.[0]) !== copies.length) throw new StaleTopologyError(this.#backend);
  }

  #unroutable(message: Outgoing, topology: PostgresTopology): QueueError | undefined {
    if (takersOf(message, topology).length > 0 || isRetained(message, topology)) return undefined;
    return new UnroutableError(this.#backend, message.topic, message.to);
  }
}

/** What one batch needs to be told from the next. */
interface Careful {
  readonly window: DedupWindow;
  readonly admission: { readonly bounds: PostgresBounds; readonly retained: Outgoing[] };
  readonly topology: PostgresTopology;
}

const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });

const STORED: readonly PublishResult[] = [0, 1, 2, 3, 4].map((copies) =>
  Object.freeze({ status: 'stored', copies }),
);

export function takersOf({ topic, to }: Outgoing, topology: PostgresTopology): readonly KnownSubscription[] {
  if (to === undefined) return topology.listenersOf(topic);
  const only = topology.byName.get(to);
  return only === undefined ? [] : [only];
}

/** Whether anybody would get or keep it. */
export function isRoutable(message: Outgoing, topology: PostgresTopology): boolean {
  return takersOf(message, topology).length > 0 || isRetained(message, topology);
}

function isRetained({ topic, to }: Outgoing, { retentions }: PostgresTopology): boolean {
  return to === undefined && retentions.has(topic);
}

function resultOf({ copies, pressure }: Admitted, retained: boolean): PublishResult {
  if (!retained && pressure === undefined) return stored(copies.length);
  return {
    status: 'stored',
    copies: copies.length,
    ...(pressure !== undefined && { pressure }),
    ...(retained && { retained: true }),
  };
}

function stored(copies: number): PublishResult {
  return STORED[copies] ?? { status: 'stored', copies };
}

function refuse(error: QueueError): PublishResult {
  return { status: 'refused', error };
}
