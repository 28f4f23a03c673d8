import { admit, admitToLane } from '../../backend/admission.js';
import {
  PayloadTooLargeError,
  SubscriptionFullError,
  UnroutableError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import { OVERFLOW_HEADER } from '../../backend/bounds.js';
import { byteLength } from '../../message/body.js';
import { withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { InvalidPriorityError, isPriority } from '../../message/priority.js';
import type { QueueError } from '../../message/queue-error.js';
import { memoryCapabilities } from './memory.capabilities.js';
import { MemoryCensus } from './memory.census.js';
import { ownBytes, sealed, type Stamp } from './memory.copy.js';
import { MemoryDedup } from './memory.dedup.js';
import { allStored, DUPLICATE, repeat, stored } from './memory.results.js';
import type { MemorySubscription } from './memory.subscription.js';
import type { MemoryTopology } from './memory.topology.js';

/** Gives each subscription that listens its copy, or says why none got one. Wakes nobody. */
export class MemoryPublisher {
  readonly dedup = new MemoryDedup();

  constructor(
    private readonly backendName: string,
    private readonly maxBytes: number,
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
    const { copies = 0 } = first as { readonly copies?: number };
    return first === stored(copies)
      ? allStored(copies, batch.length)
      : Promise.resolve(repeat(first, batch.length));
  }

  store(message: Outgoing, stamp: Stamp): PublishResult {
    const takers = this.topology.route(message);
    const log = message.to === undefined ? this.topology.logs.of(message.topic) : undefined;
    if (takers.length === 0 && log === undefined)
      return refuse(new UnroutableError(this.backendName, message.topic, message.to));
    const objection = this.#tooLarge(message) ?? this.#misfit(message);
    if (objection !== undefined) return refuse(objection);
    const isOnce = message.dedup !== undefined && message.to === undefined;
    if (isOnce && this.dedup.knows(message, stamp.monoMs)) return DUPLICATE;
    const result = this.topology.hasBounds(takers)
      ? this.#storeWithin(message, takers, stamp)
      : give(message, takers, stamp);
    if (result.status !== 'stored') return result;
    log?.keep(sealed(message), stamp);
    const isKept = result.copies !== 0 || log !== undefined;
    if (isOnce && isKept) this.dedup.remember(message, stamp.monoMs);
    return log === undefined ? result : { ...result, retained: true };
  }

  /** For takers of which at least one has bounds. */
  #storeWithin(message: Outgoing, takers: readonly MemorySubscription[], stamp: Stamp): PublishResult {
    const census = new MemoryCensus(this.topology, stamp.monoMs);
    if (message.to !== undefined) {
      const refusal = admitToLane(this.backendName, takers[0] as MemorySubscription, census);
      return refusal === undefined ? give(message, takers, stamp) : refuse(refusal);
    }
    const admission = admit(this.backendName, takers, census);
    if (admission instanceof SubscriptionFullError) return refuse(admission);
    const { pressure } = admission;
    if (pressure === undefined) return give(message, takers, stamp);
    for (const taker of admission.displacing) taker.displaceOldest();
    give(message, admission.takers, stamp);
    for (const { taker, topic } of admission.overflow) taker.accept(overflowing(message, topic), stamp);
    for (const taker of takers) taker.countDropped(pressure);
    return { status: 'stored', copies: admission.takers.length + admission.overflow.length, pressure };
  }

  #tooLarge(message: Outgoing): QueueError | undefined {
    const { maxBytes, backendName } = this;
    if (mayTake(message) <= maxBytes) return undefined;
    const bytes = byteLength(message.body);
    return bytes > maxBytes ? new PayloadTooLargeError(backendName, bytes, maxBytes) : undefined;
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
}

function give(message: Outgoing, takers: readonly MemorySubscription[], stamp: Stamp): PublishResult {
  const kept = sealed(message);
  for (let at = 0; at < takers.length; at++) (takers[at] as MemorySubscription).accept(kept, stamp);
  return stored(takers.length);
}

/** The message as it comes from another topic. */
function overflowing(message: Outgoing, topic: string): Outgoing {
  const headers = withHeaders(message.headers, { [OVERFLOW_HEADER]: message.topic });
  return { ...message, topic, headers, body: ownBytes(message.body) };
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
