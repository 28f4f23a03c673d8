import type { Ambient } from '../ambient/ambient.js';
import type { Backend } from '../backend/backend.js';
import { BackendClosedError, PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import type { Delivery } from '../message/delivery.js';
import { openEnvelope } from '../message/envelope.js';
import type { Outgoing } from '../message/outgoing.js';
import {
  readReply,
  type Reply,
  REPLY_TOPIC_PREFIX,
  type ReplyFailure,
  requestHeaders,
} from '../message/reply.js';
import { parseDuration } from '../policies/duration.js';
import { PendingRequest } from './pending-request.js';
import type { Receipt } from './publish-options.js';
import { ReplyInbox } from './reply-inbox.js';
import { RequestFailedError, RequestTimeoutError } from './request.errors.js';
import type { RequestCounts, RequestOptions } from './request-options.js';
import type { Sealer } from './sealer.js';

export interface RequestsParts {
  readonly backend: Backend;
  readonly ambient: Ambient;
  readonly sealer: Sealer;
  readonly send: (message: Outgoing) => Promise<Receipt>;
}

export interface SentRequest {
  readonly data: unknown;
  readonly options: RequestOptions;
}

/** Who sent a request, and wants to know how it goes on. */
export interface Requester {
  /** The parts of the answer, in order, each once; nothing after `last`, `end` or `failure`. */
  readonly replied: (reply: Reply) => void;
  /** It was refused, or nothing came in time; nothing comes after it. */
  readonly gaveUp: (error: unknown) => void;
}

/** Sends requests and brings each its answer. */
export class Requests {
  readonly #pending = new Map<string, PendingRequest>();
  readonly #givingUp = new Set<(error: unknown) => void>();
  #inbox: ReplyInbox | undefined;
  #refs = 0;
  #closed = false;
  readonly #counts = { answered: 0, failed: 0, timedOut: 0, dropped: 0 };

  constructor(private readonly parts: RequestsParts) {}

  get counts(): Omit<RequestCounts, 'undeliverable'> {
    return { ...this.#counts, pending: this.#pending.size };
  }

  /** Resolves with what the handler returned; of a stream, with its last value. */
  request(topic: string, data: unknown, options: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let latest: unknown;
      const replied = (reply: Reply): void => {
        if (reply.kind === 'failure') return reject(new RequestFailedError(topic, reply.failure));
        if (reply.kind !== 'end') latest = reply.value;
        if (reply.kind !== 'value') resolve(latest);
      };
      this.send(topic, { data, options }, { replied, gaveUp: reject });
    });
  }

  /** Answers with a function that stops waiting. Throws what sealing throws. */
  send(topic: string, { data, options }: SentRequest, requester: Requester): () => void {
    const { timeout, ...published } = options;
    const timeoutMs = parseDuration('timeout', timeout);
    const { sealer, ambient } = this.parts;
    const inbox = this.#openInbox();
    const ref = (++this.#refs).toString(36);
    const marks = requestHeaders({ topic: inbox.name, ref }, ambient.clock.now() + timeoutMs);
    const message = sealer.sealMarked(topic, data, { options: { ...published, ttl: timeoutMs }, marks });
    return this.#wait({ ref, topic, timeoutMs, inbox, message }, requester);
  }

  #wait(sent: Sent, requester: Requester): () => void {
    const { ref, topic, timeoutMs, inbox, message } = sent;
    let unknown: unknown;
    const stop = (): void => {
      cancel();
      this.#pending.delete(ref);
      this.#givingUp.delete(giveUp);
    };
    const giveUp = (error: unknown): void => {
      if (!this.#pending.has(ref)) return;
      stop();
      requester.gaveUp(error);
    };
    const pending = new PendingRequest((reply) => {
      if (reply.kind !== 'value') stop();
      this.#count(reply);
      requester.replied(reply);
    });
    const cancel = this.parts.ambient.clock.timer(timeoutMs, () => {
      this.#counts.timedOut++;
      giveUp(new RequestTimeoutError(topic, timeoutMs, { cause: unknown }));
    });
    this.#pending.set(ref, pending);
    this.#givingUp.add(giveUp);
    inbox
      .ready()
      .then(() => (this.#pending.has(ref) ? this.parts.send(message) : undefined))
      .then((receipt) => {
        // Its answer goes to whoever asked first.
        if (receipt?.duplicate) giveUp(new RequestFailedError(topic, DUPLICATE));
      })
      .catch((error: unknown) => {
        // It may have been stored: then its answer tells.
        if (error instanceof PublishOutcomeUnknownError) unknown = error;
        else giveUp(error);
      });
    return stop;
  }

  #count({ kind }: Reply): void {
    if (kind === 'failure') this.#counts.failed++;
    else if (kind !== 'value') this.#counts.answered++;
  }

  /** Whoever waits is told; takes the private subscription with it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const giveUp of this.#givingUp) giveUp(this.#closedError());
    await this.#inbox?.close();
  }

  #closedError(): BackendClosedError {
    return new BackendClosedError(this.parts.backend.name, 'wait for a reply');
  }

  #openInbox(): ReplyInbox {
    if (this.#closed) throw this.#closedError();
    if (this.#inbox !== undefined) return this.#inbox;
    const { backend, ambient } = this.parts;
    const instance = ambient.ids.next(ambient.clock.now()).replaceAll(':', '-').slice(-100);
    const take = (delivery: Delivery): void => this.#take(delivery);
    this.#inbox = new ReplyInbox({ backend, ambient, name: `${REPLY_TOPIC_PREFIX}${instance}`, take });
    return this.#inbox;
  }

  #take(delivery: Delivery): void {
    const found = replyIn(delivery);
    const wanted = found && this.#pending.get(found.ref)?.take(found.reply);
    if (wanted !== true) this.#counts.dropped++;
  }
}

const DUPLICATE: ReplyFailure = Object.freeze({
  reason: 'duplicate',
  message: 'it was published before, within the window in which it counts as the same',
});

interface Sent {
  readonly ref: string;
  readonly topic: string;
  readonly timeoutMs: number;
  readonly inbox: ReplyInbox;
  readonly message: Outgoing;
}

/** undefined: something that is no reply was sent here. */
function replyIn(delivery: Delivery): ReturnType<typeof readReply> {
  try {
    return readReply(delivery.headers, openEnvelope(delivery).data);
  } catch {
    return undefined;
  }
}
