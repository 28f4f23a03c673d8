import {
  BackendUnavailableError,
  PayloadTooLargeError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { InvalidPriorityError, isPriority } from '../../message/priority.js';
import type { QueueError } from '../../message/queue-error.js';
import { memoryCapabilities } from './memory.capabilities.js';
import { sealed, type Stamp } from './memory.copy.js';
import { MemoryDedup } from './memory.dedup.js';
import { allStored, DUPLICATE, repeat, stored } from './memory.results.js';
import type { MemorySubscription } from './memory.subscription.js';
import type { MemoryTopology } from './memory.topology.js';

export interface MemoryLimits {
  readonly maxBytes: number;
  readonly maxMessages: number;
}

/** Gives each subscription that listens its copy, or says why none got one. Wakes nobody. */
export class MemoryPublisher {
  readonly dedup = new MemoryDedup();

  constructor(
    private readonly backendName: string,
    private readonly limits: MemoryLimits,
    private readonly topology: MemoryTopology,
  ) {}

  storeAll(batch: readonly Outgoing[], stamp: Stamp): Promise<readonly PublishResult[]> {
    let results: PublishResult[] | undefined;
    let first: PublishResult | undefined;
    for (let at = 0; at < batch.length; at++) {
      const result = this.store(batch[at] as Outgoing, stamp);
      first ??= result;
      if (results === undefined && result !== first) results = repeat(first, at);
      results?.push(result);
    }
    if (results !== undefined || first === undefined) return Promise.resolve(results ?? []);
    return first.status === 'stored' && first === stored(first.copies)
      ? allStored(first.copies, batch.length)
      : Promise.resolve(repeat(first, batch.length));
  }

  store(message: Outgoing, stamp: Stamp): PublishResult {
    const takers = this.topology.route(message);
    if (takers.length === 0) return refuse(new UnroutableError(this.backendName, message.topic, message.to));
    const objection = this.#objection(message, takers);
    if (objection !== undefined) return refuse(objection);
    if (message.dedup !== undefined && message.to === undefined) {
      if (this.dedup.knows(message, stamp.monoMs)) return DUPLICATE;
      this.dedup.remember(message, stamp.monoMs);
    }
    const kept = sealed(message);
    for (let at = 0; at < takers.length; at++) (takers[at] as MemorySubscription).accept(kept, stamp);
    return stored(takers.length);
  }

  #objection(message: Outgoing, takers: readonly MemorySubscription[]): QueueError | undefined {
    const { maxBytes, maxMessages } = this.limits;
    if (mayTake(message) > maxBytes) {
      const bytes = byteLength(message.body);
      if (bytes > maxBytes) return new PayloadTooLargeError(this.backendName, bytes, maxBytes);
    }
    for (let at = 0; at < takers.length; at++) {
      const { name, size } = takers[at] as MemorySubscription;
      if (size >= maxMessages) return this.#full(name);
    }
    return this.#misfit(message);
  }

  /** What it asks for and cannot get. */
  #misfit({ delayMs, priority, dedup }: Outgoing): QueueError | undefined {
    if (priority !== undefined && !isPriority(priority)) return new InvalidPriorityError(priority);
    const { windowMs } = memoryCapabilities.dedup;
    if (dedup !== undefined && !(dedup.windowMs <= windowMs)) {
      const remedy = `the longest window is ${windowMs} ms`;
      return new UnsupportedError(this.backendName, `remember a message for ${dedup.windowMs} ms`, remedy);
    }
    return delayMs === undefined || delayMs >= 0
      ? undefined
      : new UnsupportedError(this.backendName, `delay a message by ${delayMs} ms`, 'use 0 or more');
  }

  #full(subscription: string): QueueError {
    const why = `subscription "${subscription}" holds ${this.limits.maxMessages} messages, which is maxMessages`;
    return new BackendUnavailableError(this.backendName, 'publish', why);
  }
}

function refuse(error: QueueError): PublishResult {
  return { status: 'refused', error };
}

/** The rest of an envelope: twelve fields, each of bounded length. */
const ENVELOPE_BYTES = 8_192;

/**
 * An upper bound of the bytes a message takes, without encoding it: text takes at most three bytes a character, six
 * when JSON escapes it. It answers the question for nearly every message.
 */
function mayTake(message: Outgoing): number {
  const { event } = message;
  if (event === undefined) return message.body.length * 3;
  return typeof event.data === 'string' ? event.data.length * 6 + ENVELOPE_BYTES : ENVELOPE_BYTES;
}
