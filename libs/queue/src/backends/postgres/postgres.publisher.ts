import {
  BackendUnavailableError,
  PublishOutcomeUnknownError,
  UnroutableError,
} from '../../backend/backend.errors.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import type { PostgresBell } from './postgres.bell.js';
import type { PostgresCatalogue } from './postgres.catalogue.js';
import { type Copy, storeStatement, storeValues } from './postgres.copies.js';
import type { PostgresDatabase } from './postgres.database.js';
import type { Statement } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

/** A statement takes no more bytes of bodies than this, or one message. */
const MOST_BYTES = 8 * 1024 * 1024;
/** How often a topology that changes all the time is read anew. */
const TRIES = 10;

export interface PublisherParts {
  readonly owner: CapabilityOwner;
  readonly database: PostgresDatabase;
  readonly catalogue: PostgresCatalogue;
  readonly bell: PostgresBell;
}

/** One copy of a message for every subscription that listens, all of a batch by one statement. */
export class PostgresPublisher {
  readonly #parts: PublisherParts;
  readonly #store: Statement;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    this.#store = { name: 'pp_store', text: storeStatement(parts.database.schema) };
  }

  async publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    if (call?.signal?.aborted === true) return batch.map(() => this.#abandoned());
    const results: PublishResult[] = [];
    for (const part of parted(batch)) {
      const stored = this.#publish(part, call).catch((error: unknown) => part.map(() => failed(error)));
      results.push(...(await unlessAborted(stored, part, call?.signal, this.#parts.owner.name)));
    }
    return results;
  }

  async #publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    const { owner, catalogue } = this.#parts;
    const objections = batch.map((message) => objectionTo(message, call, owner));
    let topology = await catalogue.known();
    if (batch.some((message) => takersOf(message, topology).length === 0))
      topology = await catalogue.reload();
    for (let tries = 1; tries <= TRIES; tries++) {
      const takers = batch.map((message, at) => (objections[at] ? [] : takersOf(message, topology)));
      const copies = batch.flatMap((message, at) => (takers[at] ?? []).map((to): Copy => ({ message, to })));
      if (await this.#tryToStore(copies, topology, call)) {
        return batch.map((message, at) => this.#resultOf(message, objections[at], takers[at]?.length ?? 0));
      }
      topology = await catalogue.reload();
    }
    throw new BackendUnavailableError(owner.name, 'publish', 'its topology kept changing');
  }

  /** False: nothing was stored, since the topology has changed. */
  async #tryToStore(
    copies: readonly Copy[],
    topology: PostgresTopology,
    call: PublishCall | undefined,
  ): Promise<boolean> {
    if (copies.length === 0) return true;
    const { database, bell } = this.#parts;
    const values = storeValues(topology.version, copies);
    const { count } = await database.write({ doing: 'publish', signal: call?.signal }, this.#store, values);
    if (count === 0) return false;
    bell.ring(new Set(copies.map(({ to }) => to.id)));
    return true;
  }

  #abandoned(): PublishResult {
    const { name } = this.#parts.owner;
    return {
      status: 'refused',
      error: new BackendUnavailableError(name, 'publish', 'the caller had given up'),
    };
  }

  #resultOf(message: Outgoing, objection: QueueError | undefined, copies: number): PublishResult {
    if (objection !== undefined) return { status: 'refused', error: objection };
    if (copies > 0) return { status: 'stored', copies };
    const { topic, to } = message;
    return { status: 'refused', error: new UnroutableError(this.#parts.owner.name, topic, to) };
  }
}

function takersOf({ topic, to }: Outgoing, topology: PostgresTopology): readonly KnownSubscription[] {
  if (to === undefined) return topology.listenersOf(topic);
  const only = topology.byName.get(to);
  return only === undefined ? [] : [only];
}

/** In parts that one statement takes. */
function* parted(batch: readonly Outgoing[]): Generator<readonly Outgoing[]> {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < batch.length; at++) {
    bytes += byteLength((batch[at] as Outgoing).body);
    if (bytes <= MOST_BYTES || at === from) continue;
    yield batch.slice(from, at);
    from = at;
    bytes = byteLength((batch[at] as Outgoing).body);
  }
  yield from === 0 ? batch : batch.slice(from);
}

function failed(error: unknown): PublishResult {
  if (!(error instanceof QueueError)) throw error;
  return { status: error instanceof PublishOutcomeUnknownError ? 'unknown' : 'refused', error };
}

/** A caller who leaves is told that nobody knows; the answer of the server is not waited for. */
function unlessAborted(
  stored: Promise<readonly PublishResult[]>,
  batch: readonly Outgoing[],
  signal: AbortSignal | undefined,
  backend: string,
): Promise<readonly PublishResult[]> {
  if (signal === undefined) return stored;
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      const error = new PublishOutcomeUnknownError(
        `backend "${backend}" was publishing when the caller gave up: the message may or may not be stored`,
      );
      // A turn later: what certainly was not sent has been refused by then.
      setImmediate(() => resolve(batch.map(() => ({ status: 'unknown', error }))));
    };
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    stored.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
