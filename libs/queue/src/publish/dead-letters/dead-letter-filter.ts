import type { Peeked } from '../../backend/inspect.js';
import { decodeEvent } from '../../message/envelope.js';
import type { FailureReason } from '../../message/failure-record.js';

/** Which dead letters are meant: those that all of it is true of. Empty: every one. */
export interface DeadLetterFilter {
  /** Of this message. */
  readonly id?: string | undefined;
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  /** `event_type`; what cannot be decoded has none. */
  readonly type?: string | undefined;
  /** Why it was given up: the reason of its last failure. */
  readonly reason?: FailureReason | undefined;
  /** Name of the class of the last failure's error, such as `TypeError`. */
  readonly error?: string | undefined;
  /** Given up at this moment or later. */
  readonly since?: Date | undefined;
  /** Given up earlier than this. */
  readonly before?: Date | undefined;
  /** Anything else. */
  readonly where?: ((letter: Peeked) => boolean) | undefined;
}

/** Cheapest question first: the body is decoded only for a `type`. */
export function matches(letter: Peeked, filter: DeadLetterFilter): boolean {
  const { id, topic, key, type, where } = filter;
  if (id !== undefined && letter.id !== id) return false;
  if (topic !== undefined && letter.topic !== topic) return false;
  if (key !== undefined && letter.key !== key) return false;
  if (!matchesEnd(letter, filter)) return false;
  if (type !== undefined && typeOf(letter) !== type) return false;
  return where?.(letter) ?? true;
}

function matchesEnd({ failures, deadAt = 0 }: Peeked, filter: DeadLetterFilter): boolean {
  const { reason, error, since, before } = filter;
  const last = failures.at(-1);
  if (reason !== undefined && last?.reason !== reason) return false;
  if (error !== undefined && last?.error.name !== error) return false;
  if (since !== undefined && deadAt < since.getTime()) return false;
  return before === undefined || deadAt < before.getTime();
}

function typeOf({ body }: Peeked): string | undefined {
  try {
    return decodeEvent(body).event_type;
  } catch {
    return undefined;
  }
}
