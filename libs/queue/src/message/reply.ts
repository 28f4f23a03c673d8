import type { FailureReason } from './failure-record.js';
import type { Headers } from './headers.js';

/** Replies go to topics that begin so and nowhere else: a forged address must not reach anybody's handlers. */
export const REPLY_TOPIC_PREFIX = 'pp.reply.';

const REPLY_TO = 'pp-reply-to';
const REPLY_REF = 'pp-reply-ref';
const REPLY_BY = 'pp-reply-by';
const REPLY_KIND = 'pp-reply-kind';
const REPLY_SEQ = 'pp-reply-seq';

const TOPIC = /^pp\.reply\.[A-Za-z0-9._-]{1,119}$/;
const REF = /^[A-Za-z0-9._-]{1,64}$/;

/** Where the answer to a request goes. */
export interface ReplyAddress {
  readonly topic: string;
  /** Which request of its publisher it answers. */
  readonly ref: string;
}

/**
 * One part of an answer. A handler that returns answers with one `last`, or with `end` when it returned nothing; a
 * stream sends any number of `value`s before. `seq` counts from 0 within one answer.
 */
export type Reply =
  | { readonly kind: 'value' | 'last'; readonly seq: number; readonly value: unknown }
  | { readonly kind: 'end'; readonly seq: number }
  | { readonly kind: 'failure'; readonly seq: number; readonly failure: ReplyFailure };

/** What a requester learns of a failure: never a stack, and of an error that nobody meant for it no text either. */
export interface ReplyFailure {
  readonly reason: FailureReason | 'duplicate' | 'unserializable';
  /** Of the handler's error, where it has one. */
  readonly code?: string;
  readonly message?: string;
  /** Issues of a payload that was refused. */
  readonly details?: unknown;
}

/** `by`: wall clock of the requester, ms since the epoch, at which it stops waiting. */
export function requestHeaders({ topic, ref }: ReplyAddress, by: number): Readonly<Record<string, string>> {
  return { [REPLY_TO]: topic, [REPLY_REF]: ref, [REPLY_BY]: String(Math.floor(by)) };
}

/** undefined: nobody waits for an answer, or not at an address that may get one. */
export function replyAddress(headers: Headers): ReplyAddress | undefined {
  const topic = headers[REPLY_TO];
  if (topic === undefined) return undefined;
  const ref = headers[REPLY_REF];
  return ref !== undefined && TOPIC.test(topic) && REF.test(ref) ? { topic, ref } : undefined;
}

/** Wall clock of the requester; undefined: it did not say. */
export function replyDeadline(headers: Headers): number | undefined {
  const by = Number(headers[REPLY_BY]);
  return Number.isFinite(by) ? by : undefined;
}

export function replyHeaders(ref: string, { kind, seq }: Reply): Readonly<Record<string, string>> {
  return { [REPLY_REF]: ref, [REPLY_KIND]: kind, [REPLY_SEQ]: String(seq) };
}

/** What travels as the payload. */
export function replyData(reply: Reply): unknown {
  if (reply.kind === 'end') return null;
  return reply.kind === 'failure' ? reply.failure : reply.value;
}

/** undefined: this is no reply. `data` is that of the event. */
export function readReply(
  headers: Headers,
  data: unknown,
): { readonly ref: string; readonly reply: Reply } | undefined {
  const [ref, kind, seq] = [headers[REPLY_REF], headers[REPLY_KIND], Number(headers[REPLY_SEQ])];
  if (ref === undefined || !Number.isSafeInteger(seq) || seq < 0) return undefined;
  switch (kind) {
    case 'value':
    case 'last':
      return { ref, reply: { kind, seq, value: data } };
    case 'end':
      return { ref, reply: { kind, seq } };
    case 'failure':
      return { ref, reply: { kind, seq, failure: readFailure(data) } };
    default:
      return undefined;
  }
}

function readFailure(data: unknown): ReplyFailure {
  const given = typeof data === 'object' && data !== null ? (data as Partial<ReplyFailure>) : {};
  return { ...given, reason: given.reason ?? 'handler_error' };
}
