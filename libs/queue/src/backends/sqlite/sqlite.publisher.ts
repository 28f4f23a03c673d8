import type { Clock } from '../../ambient/clock.js';
import {
  BackendUnavailableError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { MAX_DEDUP_WINDOW_MS } from '../../message/dedup.js';
import { InvalidPriorityError, isPriority } from '../../message/priority.js';
import type { QueueError } from '../../message/queue-error.js';
import { Abandonable } from './sqlite.abandonable.js';
import type { SqliteBell } from './sqlite.bell.js';
import { MAX_DELAY_MS } from './sqlite.capabilities.js';
import type { SqliteCounters } from './sqlite.counters.js';
import type { SqliteDedup } from './sqlite.dedup.js';
import type { SqliteTopology } from './sqlite.topology.js';
import type { SqliteMessages } from './sqlite.wire.js';
import type { SqliteWriter } from './sqlite.writer.js';

export interface PublisherParts {
  readonly backend: string;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly writer: SqliteWriter;
  readonly messages: SqliteMessages;
  readonly topology: SqliteTopology;
  readonly counters: SqliteCounters;
  readonly dedup: SqliteDedup;
  readonly bell: Pick<SqliteBell, 'mark'>;
}

/** One copy of a message for every subscription that listens, all of a batch in one transaction. */
export class SqlitePublisher {
  readonly #parts: PublisherParts;
  /** A string of this many UTF-16 units or fewer cannot be too large, whatever it holds. */
  readonly #surelyFits: number;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    this.#surelyFits = Math.floor(parts.maxBytes / 3);
  }

  async publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    const refused = batch.map((message) => this.#refusal(message));
    try {
      return await this.#submit(() => this.#store(batch, refused), batch.length, call?.signal);
    } catch (error) {
      if (!(error instanceof BackendUnavailableError || error instanceof PublishOutcomeUnknownError))
        throw error;
      return refused.map((known) => known ?? failed(error));
    }
  }

  /** Inside a transaction, which may be somebody else's: throws when it is spoiled. */
  store(batch: readonly Outgoing[]): readonly PublishResult[] {
    return this.#store(
      batch,
      batch.map((message) => this.#refusal(message)),
    );
  }

  /** What is known before any I/O. */
  #refusal(message: Outgoing): PublishResult | undefined {
    const { backend, maxBytes } = this.#parts;
    const { body, delayMs = 0, ttlMs = 0, priority, dedup } = message;
    if (body.length > this.#surelyFits && byteLength(body) > maxBytes) {
      return refuse(new PayloadTooLargeError(backend, byteLength(body), maxBytes));
    }
    if (priority !== undefined && !isPriority(priority)) return refuse(new InvalidPriorityError(priority));
    if (dedup !== undefined && !(dedup.windowMs <= MAX_DEDUP_WINDOW_MS)) {
      const remedy = `the longest window is ${MAX_DEDUP_WINDOW_MS} ms`;
      return refuse(new UnsupportedError(backend, `remember a message for ${dedup.windowMs} ms`, remedy));
    }
    if (delayMs <= MAX_DELAY_MS && ttlMs <= MAX_DELAY_MS) return undefined;
    const remedy = `the longest delay or time to live is ${MAX_DELAY_MS} ms`;
    return refuse(new UnsupportedError(backend, `keep a message for ${Math.max(delayMs, ttlMs)} ms`, remedy));
  }

  #submit(
    store: () => PublishResult[],
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<PublishResult[]> {
    const { writer } = this.#parts;
    if (signal === undefined) return writer.submit('publish', store);
    const job = new Abandonable(signal, () => Array.from({ length: count }, () => this.#abandoned()));
    return job.outcome(writer.submit('publish', () => job.run(store)));
  }

  #store(batch: readonly Outgoing[], refused: readonly (PublishResult | undefined)[]): PublishResult[] {
    const { clock, counters, topology, bell } = this.#parts;
    const now = clock.now();
    const before = counters.read();
    topology.refresh(before.topology);
    bell.mark();
    let seq = before.seq;
    const results = batch.map((message, at) => {
      const result = refused[at] ?? this.#storeOne(message, { seq, now });
      if (result.status === 'stored') seq += result.copies;
      return result;
    });
    counters.saveSeq(seq);
    return results;
  }

  #storeOne(message: Outgoing, at: { readonly seq: number; readonly now: number }): PublishResult {
    const { backend, topology, messages, dedup } = this.#parts;
    const { topic, to, dedup: asked } = message;
    const ids = to === undefined ? topology.listenersOf(topic) : only(topology.idOf(to));
    if (ids.length === 0) return refuse(new UnroutableError(backend, topic, to));
    if (asked !== undefined && to === undefined) {
      if (dedup.knows(message, at.now)) return DUPLICATE;
      dedup.remember(message, at.now);
    }
    let { seq } = at;
    for (const subscriptionId of ids) {
      const place = { seq: ++seq, subscriptionId, now: at.now };
      if (message.key === undefined || !topology.isOrdered(subscriptionId)) messages.insert(message, place);
      else
        messages.insert(
          message,
          place,
          topology.keyOrder.isTaken({ subscriptionId, key: message.key }) ? 'held' : 'turn',
        );
    }
    return STORED[ids.length] ?? { status: 'stored', copies: ids.length };
  }

  #abandoned(): PublishResult {
    return refuse(
      new BackendUnavailableError(this.#parts.backend, 'publish', 'the caller gave up waiting for the lock'),
    );
  }
}

const STORED: readonly PublishResult[] = [0, 1, 2, 3, 4].map((copies) =>
  Object.freeze({ status: 'stored', copies }),
);

/** It is there already. */
const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });

function only(id: number | undefined): readonly number[] {
  return id === undefined ? [] : [id];
}

function refuse(error: QueueError): PublishResult {
  return { status: 'refused', error };
}

function failed(error: QueueError): PublishResult {
  return { status: error instanceof PublishOutcomeUnknownError ? 'unknown' : 'refused', error };
}
