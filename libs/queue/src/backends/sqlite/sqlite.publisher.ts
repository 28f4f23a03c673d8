import type { Clock } from '../../ambient/clock.js';
import {
  BackendUnavailableError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  SubscriptionFullError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import { OVERFLOW_HEADER } from '../../backend/bounds.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import { byteLength } from '../../message/body.js';
import { withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { MAX_DEDUP_WINDOW_MS } from '../../message/dedup.js';
import { InvalidPriorityError, isPriority } from '../../message/priority.js';
import type { QueueError } from '../../message/queue-error.js';
import { Abandonable } from './sqlite.abandonable.js';
import { SqliteAdmission } from './sqlite.admission.js';
import type { SqliteBell } from './sqlite.bell.js';
import { MAX_DELAY_MS } from './sqlite.capabilities.js';
import type { SqliteCounters } from './sqlite.counters.js';
import type { SqliteDedup } from './sqlite.dedup.js';
import type { LateListener, SqliteTopology } from './sqlite.topology.js';
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

/** Where a copy goes. */
interface Place {
  readonly seq: number;
  readonly subscriptionId: number;
  readonly now: number;
}

/** Where one transaction stands. */
interface Moment {
  /** The last number that was given to a message. */
  readonly seq: number;
  readonly now: number;
  readonly admission: SqliteAdmission;
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

  /** Inside the transaction that makes it listen: gives a subscription what its topics have retained. */
  storeLate({ id, topics }: LateListener): void {
    const { clock, counters, topology } = this.#parts;
    const matching = new Set(topics.flatMap((topic) => topology.log.matching(topic)));
    let { seq } = counters.read();
    for (const { message, publishedAt } of topology.log.live([...matching], clock.now())) {
      this.#give(message, { seq: ++seq, subscriptionId: id, now: publishedAt });
    }
    counters.saveSeq(seq);
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
    const admission = new SqliteAdmission(this.#parts.backend, topology, now);
    const results = batch.map((message, at) => {
      const result = refused[at] ?? this.#storeOne(message, { seq, now, admission });
      if (result.status === 'stored') seq += result.copies ?? 0;
      return result;
    });
    counters.saveSeq(seq);
    admission.save();
    return results;
  }

  #storeOne(message: Outgoing, at: Moment): PublishResult {
    const { backend, topology, dedup } = this.#parts;
    const { topic, to } = message;
    const ids = to === undefined ? topology.listenersOf(topic) : only(topology.idOf(to));
    const retention = to === undefined ? topology.log.of(topic) : undefined;
    if (ids.length === 0 && retention === undefined) return refuse(new UnroutableError(backend, topic, to));
    const isOnce = message.dedup !== undefined && to === undefined;
    if (isOnce && dedup.knows(message, at.now)) return DUPLICATE;
    const result = at.admission.concerns(ids)
      ? this.#insertWithin(message, ids, at)
      : this.#insert(message, ids, at);
    if (result.status !== 'stored') return result;
    if (retention !== undefined) topology.log.keep(message, retention, at.now);
    const isKept = result.copies !== 0 || retention !== undefined;
    if (isOnce && isKept) dedup.remember(message, at.now);
    return retention === undefined ? result : { ...result, retained: true };
  }

  /** A copy for one subscription: at the end of its line, or of that of its key. */
  #give(message: Outgoing, place: Place): void {
    const { messages, topology } = this.#parts;
    const { subscriptionId } = place;
    const { key } = message;
    if (key === undefined || !topology.isOrdered(subscriptionId)) return messages.insert(message, place);
    const isTaken = topology.keyOrder.isTaken({ subscriptionId, key });
    messages.insert(message, place, isTaken ? 'held' : 'turn');
  }

  #insert(message: Outgoing, ids: readonly number[], { seq, now }: Moment): PublishResult {
    let last = seq;
    for (const subscriptionId of ids) this.#give(message, { seq: ++last, subscriptionId, now });
    return STORED[ids.length] ?? { status: 'stored', copies: ids.length };
  }

  /** For subscriptions of which at least one has bounds. */
  #insertWithin(message: Outgoing, ids: readonly number[], at: Moment): PublishResult {
    const { admission } = at;
    const admitted =
      message.to === undefined ? admission.admit(ids) : admission.admitToLane(ids[0] as number);
    if (admitted instanceof SubscriptionFullError) return refuse(admitted);
    const { pressure, overflow } = admitted;
    const result = this.#insert(message, admitted.ids, at);
    if (pressure === undefined) return result;
    const { now } = at;
    let seq = at.seq + admitted.ids.length;
    for (const { id, topic } of overflow) {
      this.#give(overflowing(message, topic), { seq: ++seq, subscriptionId: id, now });
    }
    return { status: 'stored', copies: admitted.ids.length + overflow.length, pressure };
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

/** The message as it comes from another topic. */
function overflowing(message: Outgoing, topic: string): Outgoing {
  const headers = withHeaders(message.headers, { [OVERFLOW_HEADER]: message.topic });
  return { ...message, topic, headers, body: message.body };
}

function only(id: number | undefined): readonly number[] {
  return id === undefined ? [] : [id];
}

function refuse(error: QueueError): PublishResult {
  return { status: 'refused', error };
}

function failed(error: QueueError): PublishResult {
  return { status: error instanceof PublishOutcomeUnknownError ? 'unknown' : 'refused', error };
}
