import {
  BackendUnavailableError,
  PublishOutcomeUnknownError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import type { Outgoing } from '../../message/outgoing.js';
import { QueueError } from '../../message/queue-error.js';
import type { PostgresBell } from './postgres.bell.js';
import { MAX_DELAY_MS } from './postgres.capabilities.js';
import type { PostgresCatalogue } from './postgres.catalogue.js';
import type { Call, PostgresDatabase } from './postgres.database.js';
import {
  type Batch,
  isRoutable,
  type PostgresStoring,
  StaleTopologyError,
  type Stored,
} from './postgres.storing.js';
import type { PostgresTopology } from './postgres.topology.js';

/** A statement takes no more bytes of bodies than this, or one message. */
const MOST_BYTES = 24 * 1024 * 1024;
/** How often a topology that changes all the time is read anew. */
const TRIES = 20;

export interface PublisherParts {
  readonly owner: CapabilityOwner;
  readonly database: PostgresDatabase;
  readonly catalogue: PostgresCatalogue;
  readonly storing: PostgresStoring;
  readonly bell: PostgresBell;
}

/** One copy of a message for every subscription that listens, all of a batch or none of it stored. */
export class PostgresPublisher {
  readonly #parts: PublisherParts;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  async publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    const { owner } = this.#parts;
    if (call?.signal?.aborted === true) return batch.map(() => abandoned(owner.name));
    const results: PublishResult[] = [];
    for (const messages of parted(batch)) {
      const objections = messages.map((message) => objectionOf(message, call, owner));
      const storing = this.#publish({ messages, objections }, call).catch((error: unknown) =>
        messages.map((_, at) => failed(objections[at] ?? error)),
      );
      results.push(...(await unlessAborted(storing, messages, call?.signal, owner.name)));
    }
    return results;
  }

  async #publish(batch: Batch, call: PublishCall | undefined): Promise<readonly PublishResult[]> {
    const { catalogue, bell } = this.#parts;
    const doing: Call = { doing: 'publish', signal: call?.signal };
    let topology = await catalogue.known();
    // What nobody listens to is looked for once more before it is refused.
    if (!batch.messages.every((message) => isRoutable(message, topology)))
      topology = await catalogue.reload();
    for (let tries = 1; ; tries++) {
      try {
        const { to, results } = await this.#store(doing, batch, topology);
        if (to.size > 0) bell.ring(to);
        return results;
      } catch (error) {
        if (!(error instanceof StaleTopologyError) || tries === TRIES) throw error;
        topology = await catalogue.reload();
      }
    }
  }

  #store(call: Call, batch: Batch, topology: PostgresTopology): Promise<Stored> {
    const { storing, database } = this.#parts;
    return storing.isPlain(batch, topology)
      ? storing.plainly((...statement) => database.write(call, ...statement), batch, topology)
      : database.transaction(call, (session) => storing.carefully(session, batch, topology));
  }
}

/** Why it cannot be stored as it asks to be, before anybody is asked. */
export function objectionOf(
  message: Outgoing,
  call: PublishCall | undefined,
  owner: CapabilityOwner,
): QueueError | undefined {
  const { ttlMs = 0 } = message;
  if (ttlMs <= MAX_DELAY_MS) return objectionTo(message, call, owner);
  const remedy = `the longest time to live is ${MAX_DELAY_MS} ms`;
  return new UnsupportedError(owner.name, `keep a message for ${ttlMs} ms`, remedy);
}

/** In parts that one statement takes. No character takes more than three bytes per UTF-16 unit. */
function* parted(batch: readonly Outgoing[]): Generator<readonly Outgoing[]> {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < batch.length; at++) {
    const most = (batch[at] as Outgoing).body.length * 3;
    bytes += most;
    if (bytes <= MOST_BYTES || at === from) continue;
    yield batch.slice(from, at);
    from = at;
    bytes = most;
  }
  yield from === 0 ? batch : batch.slice(from);
}

function abandoned(backend: string): PublishResult {
  return {
    status: 'refused',
    error: new BackendUnavailableError(backend, 'publish', 'the caller had given up'),
  };
}

function failed(error: unknown): PublishResult {
  if (!(error instanceof QueueError)) throw error;
  return { status: error instanceof PublishOutcomeUnknownError ? 'unknown' : 'refused', error };
}

/** A caller who leaves is told that nobody knows; the answer of the server is not waited for. */
function unlessAborted(
  storing: Promise<readonly PublishResult[]>,
  batch: readonly Outgoing[],
  signal: AbortSignal | undefined,
  backend: string,
): Promise<readonly PublishResult[]> {
  if (signal === undefined) return storing;
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
    storing.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
