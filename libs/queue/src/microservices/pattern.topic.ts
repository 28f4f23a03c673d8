import { createHash } from 'node:crypto';
import { checkName, MAX_NAME_LENGTH, quote } from '../message/names.js';
import { QueueError } from '../message/queue-error.js';
import { checkTopicOrPattern, isPattern } from '../message/topic-pattern.js';

/** A pattern that cannot be the name of one topic. */
export class InvalidPatternError extends QueueError {
  readonly code = 'invalid_pattern';

  constructor(pattern: unknown, why: string) {
    super(`the pattern ${quote(pattern)} cannot be used: ${why}`);
  }
}

/** Room for `.reply` behind it. */
const MAX_TOPIC_LENGTH = MAX_NAME_LENGTH - '.reply'.length;
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Only what was encoded begins so, which keeps it apart from patterns that need no encoding. */
const OURS = 'pp.';
const ENCODED = 'pp.pattern.';
const HASHED = 'pp.pattern-hash.';
/** Wildcards of brokers whose patterns are not ours. */
const FOREIGN_WILDCARD = /(?:^|[./])(?:\+|>)(?:$|[./])/;
/** What Nest puts in the place of what it does not look at: two such patterns would become one. */
const CUT_SHORT = /\[(?:MAX_DEPTH_REACHED|TOO_MANY_KEYS)\]/;

/**
 * The topic of a route, which is what Nest makes of a pattern: the route itself where that can be a topic, such as
 * `order.placed`, else an encoding of it. Two routes never share a topic. Throws InvalidPatternError.
 */
export function topicOfRoute(route: unknown): string {
  if (typeof route !== 'string' || route === '') {
    throw new InvalidPatternError(route, 'use a text, a number or an object');
  }
  if (CUT_SHORT.test(route)) throw new InvalidPatternError(route, 'it is too deep, or has too many keys');
  if (!route.startsWith('{') && (isPattern(route) || FOREIGN_WILDCARD.test(route))) {
    throw new InvalidPatternError(route, 'it has wildcards, and this is the name of one topic');
  }
  const isTopic = PLAIN.test(route) && route.length <= MAX_TOPIC_LENGTH && !route.startsWith(OURS);
  return isTopic ? route : encoded(route);
}

/** What a subscription of the route listens to: its topic, or the topics that `order.*` and `order.#` stand for. */
export function topicsOfRoute(route: unknown): string {
  const hasWildcards = typeof route === 'string' && !route.startsWith('{') && isPattern(route);
  return hasWildcards ? checkTopicOrPattern('pattern', route) : topicOfRoute(route);
}

/** Throws InvalidNameError. */
export function subscriptionOfRoute(group: string, route: string): string {
  const topic = topicsOfRoute(route);
  const plain = isPattern(topic) ? encoded(topic) : topic;
  const name = `${group}.${plain}`;
  return checkName('subscription', name.length <= MAX_NAME_LENGTH ? name : `${group}.${hashed(route)}`);
}

function encoded(route: string): string {
  const name = ENCODED + [...Buffer.from(route, 'utf8')].map(encodedByte).join('');
  return name.length <= MAX_TOPIC_LENGTH ? name : hashed(route);
}

function encodedByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9.-]/.test(char) ? char : `_${byte.toString(16).padStart(2, '0')}`;
}

function hashed(route: string): string {
  return HASHED + createHash('sha256').update(route).digest('base64url');
}
