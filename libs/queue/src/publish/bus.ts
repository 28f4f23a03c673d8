import type { Ambient } from '../ambient/ambient.js';
import type { Backend, BackendStatus, PublishResult, Settlement, SettleResult } from '../backend/backend.js';
import {
  BackendClosedError,
  PublishOutcomeUnknownError,
  UnsupportedError,
} from '../backend/backend.errors.js';
import type { BackendHealth } from '../backend/health.js';
import type { Depth } from '../backend/inspect.js';
import type { Replier } from '../interceptors/replier.js';
import type { Body } from '../message/body.js';
import type { CodecName } from '../message/codec.js';
import { checkId, checkName } from '../message/names.js';
import type { Outgoing } from '../message/outgoing.js';
import { BackPressure } from './back-pressure.js';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { HandledTracker } from './handled-tracker.js';
import { metBounds } from './publish-answer.js';
import { PublishBatcher } from './publish-batcher.js';
import { type PublishOptions, type RawPublishOptions, type Receipt, receiptOf } from './publish-options.js';
import { Replies } from './replies.js';
import type { RequestCounts, RequestOptions } from './request-options.js';
import { type Requester, Requests, type SentRequest } from './requests.js';
import { Sealer } from './sealer.js';

export interface BusOptions {
  readonly backend: Backend;
  readonly source: string;
  readonly ambient: Ambient;
  /** How events are written. Default `native`. */
  readonly codec?: CodecName | undefined;
  /** Default 30 000. */
  readonly publishTimeoutMs?: number;
  /** Default 100 000 messages. */
  readonly maxPending?: number;
  /** Checks a payload by its type before anything is sent; throws, or rejects, InvalidPayloadError. */
  readonly checkPayload?: CheckPayload | undefined;
  /** See SealerOptions. */
  readonly dedupWindows?: ReadonlyMap<string, number>;
  /** Knows also the consumers of the process. Default: of the backend alone. */
  readonly health?: (() => Promise<BackendHealth>) | undefined;
}

/** Answers with a promise only where the check waits. What it resolves to is not used: what is sent is what was given. */
export type CheckPayload = (type: string, data: unknown) => unknown;

/** The way out to one backend: what applications inject to publish. */
export class Bus {
  readonly #backend: Backend;
  readonly #ambient: Ambient;
  readonly #sealer: Sealer;
  readonly #batcher: PublishBatcher;
  readonly #checkPayload: CheckPayload | undefined;
  readonly #pressure: BackPressure;
  readonly #handled = new HandledTracker();
  readonly #requests: Requests;
  readonly #replies: Replies;
  readonly #health: BusOptions['health'];

  constructor(options: BusOptions) {
    const { maxPending = 100_000 } = options;
    this.#backend = options.backend;
    this.#ambient = options.ambient;
    this.#checkPayload = options.checkPayload;
    this.#sealer = new Sealer({
      source: options.source,
      ambient: options.ambient,
      dedupWindows: options.dedupWindows,
      codec: options.codec,
    });
    this.#batcher = new PublishBatcher({
      backend: options.backend,
      clock: options.ambient.clock,
      timeoutMs: options.publishTimeoutMs ?? 30_000,
      maxPending,
      pressed: (message, result) => this.#pressure.answered(message, result),
    });
    this.#pressure = new BackPressure({
      name: options.backend.name,
      clock: options.ambient.clock,
      maxWaiting: maxPending,
      send: (message) => this.#ask(message),
    });
    const { backend, ambient } = options;
    const shared = { sealer: this.#sealer, send: (message: Outgoing) => this.#send(message) };
    this.#requests = new Requests({ backend, ambient, ...shared });
    this.#replies = new Replies({ backend, ...shared });
    this.#health = options.health;
  }

  /** Name of the backend. */
  get name(): string {
    return this.#backend.name;
  }

  /**
   * Resolves when the backend has the message, as its `confirm` capability says, or when it was handled with
   * `wait: 'handled'`. Rejects with a QueueError: definitely refused, or PublishOutcomeUnknownError. The payload is
   * captured before this returns; changing it afterwards changes nothing.
   */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Receipt> {
    try {
      const message = this.#sealer.seal(topic, data, options);
      const checking = this.#checkPayload?.(options?.type ?? topic, data);
      if (checking instanceof Promise) return checking.then(() => this.#go(message, options));
      return this.#go(message, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** In the way that the options ask for. May throw. */
  #go(message: Outgoing, options: PublishOptions | undefined): Promise<Receipt> {
    if (options?.tx !== undefined) return this.#sendIn(options.tx, message, options.wait);
    if (options?.wait !== 'handled') return this.#send(message);
    this.#mustBeInProcess();
    return this.#handled.track(message.id, () => this.#send(message));
  }

  /** Bytes without an envelope, for consumers that are not ours. Otherwise as `publish`. */
  publishRaw(topic: string, body: Body, options: RawPublishOptions = {}): Promise<Receipt> {
    try {
      const message = this.#sealer.sealRaw(topic, body, options);
      return options.tx === undefined ? this.#send(message) : this.#sendIn(options.tx, message);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Publishes, and resolves with what the handler returned. Rejects with RequestFailedError when the handler gave the
   * request up, with RequestTimeoutError when no answer came in time, and as `publish` does. Of several subscriptions
   * the first answer wins. The first request of a bus opens its private subscription for replies.
   */
  async request<Result = unknown>(topic: string, data: unknown, options: RequestOptions): Promise<Result> {
    const checking = this.#checkPayload?.(topic, data);
    if (checking instanceof Promise) await checking;
    return (await this.#requests.request(topic, data, options)) as Result;
  }

  /**
   * As `request`, with every part of a streamed answer, for who speaks another protocol to its own side. Answers with a
   * function that stops waiting. Throws what cannot be sent.
   */
  sendRequest(topic: string, sent: SentRequest, requester: Requester): () => void {
    return this.#requests.send(topic, sent, requester);
  }

  /** What became of requests so far. */
  requests(): RequestCounts {
    return { ...this.#requests.counts, undeliverable: this.#replies.undeliverable };
  }

  /** For the consumers of the same backend and process: the way back to requesters, here or elsewhere. */
  get replier(): Replier {
    return this.#replies;
  }

  deadLetters(subscription: string): DeadLetters {
    return new DeadLetters(this.#backend, checkName('subscription', subscription), this.#ambient);
  }

  /**
   * Takes back what was published with this id and a delay, as far as it is not yet due. Answers how many copies are
   * gone: 0 when there is none, or when its time has come. Rejects with UnsupportedError where the backend cannot.
   */
  async cancel(id: string): Promise<number> {
    let count = 0;
    const query = { kind: 'cancel', id: checkId('the message id', id) } as const;
    for await (const item of this.#backend.inspect(query)) if (item.kind === 'purged') count += item.count;
    if (count > 0) this.#handled.cancelled(id);
    return count;
  }

  /** What lies where, per subscription. */
  async depth(subscription?: string): Promise<readonly Depth[]> {
    const found: Depth[] = [];
    const query =
      subscription === undefined ? ({ kind: 'depth' } as const) : ({ kind: 'depth', subscription } as const);
    for await (const item of this.#backend.inspect(query)) if (item.kind === 'depth') found.push(item);
    return found;
  }

  status(): BackendStatus {
    return this.#backend.status();
  }

  /**
   * The connection, and what this process handles over it; answers within 2 s, from memory while the broker is down.
   * Connects to nothing. See docs/health.md.
   */
  async health(): Promise<BackendHealth> {
    if (this.#health !== undefined) return this.#health();
    const connection = this.status();
    return { name: this.name, state: connection.state, reconnects: 0, connection, subscriptions: [] };
  }

  /** Consumers of the same backend and process report here. */
  settled(settlement: Settlement, result: SettleResult): void {
    this.#handled.settled(settlement, result);
  }

  /**
   * Waits for the results of everything published; what waits for room or for a reply is refused, as is what comes
   * later.
   */
  async close(): Promise<void> {
    this.#pressure.close();
    await this.#requests.close();
    await this.#batcher.close();
    this.#handled.close(new BackendClosedError(this.name, 'wait until a message is handled'));
  }

  #send(message: Outgoing): Promise<Receipt> {
    const backend = this.#backend;
    if (this.#pressure.concerns(message.topic)) return this.#answer(message, this.#pressure.send(message));
    if (backend.publishNow === undefined || this.#batcher.closed) return this.#batcher.add(message);
    const result = backend.publishNow(message);
    if (metBounds(result)) return this.#answer(message, this.#pressure.answered(message, result));
    return result.status === 'stored'
      ? Promise.resolve(receiptOf(message.id, result))
      : Promise.reject(result.error);
  }

  /** Alone and at once, in the order of the calls: the caller's next statement may be his commit. */
  async #sendIn(tx: unknown, message: Outgoing, wait?: PublishOptions['wait']): Promise<Receipt> {
    if (this.#batcher.closed) throw new BackendClosedError(this.name, 'publish');
    if (wait === 'handled') {
      const remedy =
        'a message is handled after the commit, which nobody can wait for inside the transaction';
      throw new UnsupportedError(this.name, "publish in a transaction with wait: 'handled'", remedy);
    }
    const [result] = await this.#backend.publish([message], { tx });
    if (result?.status === 'stored') return receiptOf(message.id, result);
    throw result?.error ?? new PublishOutcomeUnknownError(`backend "${this.name}" gave no answer`);
  }

  async #answer(message: Outgoing, coming: PublishResult | Promise<PublishResult>): Promise<Receipt> {
    const result = await coming;
    if (result.status === 'stored') return receiptOf(message.id, result);
    throw result.error;
  }

  /** The result as the backend gives it. */
  #ask(message: Outgoing): Promise<PublishResult> {
    const backend = this.#backend;
    if (backend.publishNow === undefined || this.#batcher.closed) return this.#batcher.ask(message);
    return Promise.resolve(backend.publishNow(message));
  }

  #mustBeInProcess(): void {
    if (this.#backend.capabilities.hosts === 'process') return;
    throw new UnsupportedError(
      this.#backend.name,
      "publish with wait: 'handled'",
      'handlers may run in other processes; use a memory backend for in-process events',
    );
  }
}
