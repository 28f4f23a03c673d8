import type { Clock } from '../../ambient/clock.js';
import {
  BackendUnavailableError,
  PublishOutcomeUnknownError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { PublishCall, PublishResult } from '../../backend/backend.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import { objectionTo } from '../../backend/message-check.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import { MAX_DELAY_MS } from './redis.capabilities.js';
import type { RedisErrors } from './redis.errors.js';
import type { RedisLink } from './redis.link.js';
import { PublishBatch, retentionOf } from './redis.publish-batch.js';
import { PUBLISH } from './redis.publish.lua.js';
import { Script } from './redis.script.js';
import type { KnownSubscription, KnownTopology } from './redis.known-topology.js';
import type { RedisTopology } from './redis.topology.js';

/** The server sees another topology than the caller this often in a row before a publish gives up. */
const MOST_RELOADS = 20;
const SCRIPT = new Script(PUBLISH);
const STALE = -1;
/** On its way: whether it is stored is not known until the answer comes. */
const SENT = Symbol('sent');

/** What is known of a message; undefined: it was not sent. */
type Known = PublishResult | typeof SENT | undefined;

export interface PublisherParts {
  readonly owner: CapabilityOwner;
  readonly clock: Clock;
  readonly commandTimeoutMs: number;
  readonly link: RedisLink;
  readonly errors: RedisErrors;
  readonly topology: RedisTopology;
}

/** One copy of a message for every subscription that listens, all copies of a message in one step. */
export class RedisPublisher {
  readonly #parts: PublisherParts;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const results = batch.map((message): Known => this.#refusal(message, call));
    const { clock, commandTimeoutMs, link } = this.#parts;
    const signal = call?.signal;
    if (await link.whenUp(clock.mono() + commandTimeoutMs, signal)) {
      if (signal === undefined) await this.#publishInto(results, batch);
      else await Promise.race([this.#publishInto(results, batch), aborted(signal)]);
    }
    return this.#told(results, signal);
  }

  /** Fills in what is still open, chunk by chunk; what was not sent stays open. */
  async #publishInto(results: Known[], batch: readonly Outgoing[], reloads = 0): Promise<void> {
    const { topology } = this.#parts;
    try {
      const known = reloads === 0 ? await topology.current() : await topology.load();
      const chunks = this.#chunksOf(batch, results, known);
      const answers = await Promise.all(chunks.map((chunk) => this.#send(chunk, results)));
      const isStale = answers.includes(STALE) || (await this.#refuseUnroutable(results, batch, known));
      if (isStale && reloads < MOST_RELOADS) await this.#publishInto(results, batch, reloads + 1);
    } catch (error) {
      for (const [at, result] of results.entries()) results[at] = result ?? failed(error as QueueError);
    }
  }

  #chunksOf(
    batch: readonly Outgoing[],
    results: readonly Known[],
    known: KnownTopology,
  ): readonly PublishBatch[] {
    let chunk = new PublishBatch(this.#parts.owner.name, known);
    const chunks = [chunk];
    for (const [at, message] of batch.entries()) {
      if (results[at] !== undefined) continue;
      const route = routeOf(message, known);
      if (route.length === 0 && retentionOf(message, known) === undefined) continue;
      if (chunk.isFull) chunks.push((chunk = new PublishBatch(this.#parts.owner.name, known)));
      chunk.add(message, route, at);
    }
    return chunks.filter(({ isEmpty }) => !isEmpty);
  }

  async #send(chunk: PublishBatch, results: Known[]): Promise<unknown> {
    const { link } = this.#parts;
    for (const at of chunk.places) results[at] = SENT;
    try {
      const answer = await link.run('publish', SCRIPT, chunk.arguments());
      for (const [nth, at] of chunk.places.entries()) results[at] = chunk.resultOf(nth, answer);
      return answer;
    } catch (error) {
      for (const at of chunk.places) results[at] = failed(error as QueueError);
      return undefined;
    }
  }

  /** Nobody listens, as far as is known: true when that may have changed. */
  async #refuseUnroutable(
    results: Known[],
    batch: readonly Outgoing[],
    known: KnownTopology,
  ): Promise<boolean> {
    const open = [...results.keys()].filter((at) => results[at] === undefined);
    if (open.length === 0) return false;
    const now = await this.#parts.topology.load();
    if (now.version !== known.version) return true;
    for (const at of open) {
      const { topic, to } = batch[at] as Outgoing;
      results[at] = { status: 'refused', error: new UnroutableError(this.#parts.owner.name, topic, to) };
    }
    return false;
  }

  #refusal(message: Outgoing, call: PublishCall | undefined): PublishResult | undefined {
    const error = objectionTo(message, call, this.#parts.owner) ?? this.#tooLong(message);
    return error && { status: 'refused', error };
  }

  #tooLong({ ttlMs = 0 }: Outgoing): QueueError | undefined {
    if (ttlMs <= MAX_DELAY_MS) return undefined;
    const remedy = `the longest time to live is ${MAX_DELAY_MS} ms`;
    return new UnsupportedError(this.#parts.owner.name, `keep a message for ${ttlMs} ms`, remedy);
  }

  /** Every message gets its answer, also those that were not sent or not answered. */
  #told(results: readonly Known[], signal: AbortSignal | undefined): readonly PublishResult[] {
    let unsent: PublishResult | undefined;
    let unanswered: PublishResult | undefined;
    return results.map((result) => {
      if (result === undefined) return (unsent ??= this.#unsent(signal));
      return result === SENT ? (unanswered ??= this.#unanswered()) : result;
    });
  }

  #unsent(signal: AbortSignal | undefined): PublishResult {
    const why = signal?.aborted ? 'the caller gave up' : 'there was no connection in time';
    return { status: 'refused', error: this.#parts.errors.notDone('publish', why) };
  }

  #unanswered(): PublishResult {
    const error = this.#parts.errors.unknown('publish', 'the caller gave up before the answer');
    return { status: 'unknown', error };
  }
}

function routeOf({ to, topic }: Outgoing, known: KnownTopology): readonly KnownSubscription[] {
  if (to === undefined) return known.listenersOf(topic);
  const one = known.find(to);
  return one === undefined ? [] : [one];
}

function failed(error: QueueError): PublishResult {
  if (error instanceof PublishOutcomeUnknownError) return { status: 'unknown', error };
  if (error instanceof BackendUnavailableError) return { status: 'refused', error };
  throw error;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
