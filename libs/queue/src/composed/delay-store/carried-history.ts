import type { Peeked } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { type Headers, withHeaders, withoutHeader } from '../../message/headers.js';

/** What a message was through before it left its broker to wait for a retry, as JSON in ASCII. */
const RETRIED_HEADER = 'pp-retried';

interface CarriedHistory {
  /** Attempts that have ended, crashes included. */
  readonly attempts: number;
  readonly crashes: number;
  /** Oldest first. */
  readonly failures: readonly FailureRecord[];
  readonly publishedAt: number;
}

/** Brokers have limits for headers, and the body has to get through. */
const MAX_LENGTH = 16_384;

export function isRetry(headers: Headers): boolean {
  return headers[RETRIED_HEADER] !== undefined;
}

/** The headers of a delivery that failed, with all that its next delivery has to know of the earlier ones. */
export function withHistory(
  { headers, attempt, crashes, failures, publishedAt }: Delivery,
  failure: FailureRecord,
): Headers {
  const all = [...failures, failure].slice(-MAX_FAILURE_HISTORY);
  const text = encoded({ attempts: attempt, crashes, failures: all, publishedAt });
  return withHeaders(headers, { [RETRIED_HEADER]: text });
}

/** How a delivery would differ had its message never left; undefined when it never did. */
export function changesOf(delivery: Delivery): Partial<Delivery> | undefined {
  const text = delivery.headers[RETRIED_HEADER];
  if (text === undefined) return undefined;
  const headers = withoutHeader(delivery.headers, RETRIED_HEADER);
  const before = decoded(text);
  if (before === undefined) return { headers };
  return {
    headers,
    attempt: before.attempts + delivery.attempt,
    crashes: before.crashes + delivery.crashes,
    failures: joined(before, delivery),
    publishedAt: before.publishedAt,
  };
}

/** The same for a message that lies on the broker. */
export function remembered(peeked: Peeked): Peeked {
  const text = peeked.headers[RETRIED_HEADER];
  if (text === undefined) return peeked;
  const headers = withoutHeader(peeked.headers, RETRIED_HEADER);
  const before = decoded(text);
  if (before === undefined) return { ...peeked, headers };
  return {
    ...peeked,
    headers,
    attempts: before.attempts + peeked.attempts,
    crashes: before.crashes + peeked.crashes,
    failures: joined(before, peeked),
    publishedAt: before.publishedAt,
  };
}

function joined(before: CarriedHistory, { failures }: Pick<Delivery, 'failures'>): readonly FailureRecord[] {
  return [...before.failures, ...failures].slice(-MAX_FAILURE_HISTORY);
}

/** Short enough: without the stacks of errors where they are too long, then without the oldest records. */
function encoded(history: CarriedHistory): string {
  let { failures } = history;
  let text = asciiJson(history);
  if (text.length > MAX_LENGTH) failures = failures.map(withoutDetails);
  for (; text.length > MAX_LENGTH; failures = failures.slice(1)) text = asciiJson({ ...history, failures });
  return text;
}

function withoutDetails(failure: FailureRecord): FailureRecord {
  const { name, message, code } = failure.error;
  return { ...failure, error: code === undefined ? { name, message } : { name, message, code } };
}

/** Not every broker takes every character in a header. */
function asciiJson(value: unknown): string {
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, escaped);
}

/** Undefined when it is no such thing: anybody can write headers. */
function decoded(text: string): CarriedHistory | undefined {
  try {
    const { attempts, crashes, failures, publishedAt } = JSON.parse(text) as Record<string, unknown>;
    if (!isCount(attempts) || !isCount(crashes) || !isCount(publishedAt) || !Array.isArray(failures))
      return undefined;
    return { attempts, crashes, publishedAt, failures: failures as readonly FailureRecord[] };
  } catch {
    return undefined;
  }
}

function isCount(given: unknown): given is number {
  return Number.isSafeInteger(given) && (given as number) >= 0;
}
