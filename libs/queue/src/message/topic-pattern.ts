import { checkName, InvalidNameError, MAX_NAME_LENGTH } from './names.js';

/**
 * What a subscription can listen to beside whole topics. A topic is words between dots. In a pattern `*` stands for
 * one word, and `#` as the last word for any number of words, none included: `order.#` is `order`, `order.placed` and
 * `order.placed.eu`. That `#` comes last keeps matching linear, and means the same on every broker that has patterns.
 */
export function isPattern(topic: string): boolean {
  return topic.includes('*') || topic.includes('#');
}

/** A topic, or a pattern of topics. Throws InvalidNameError. */
export function checkTopicOrPattern(what: string, given: unknown): string {
  if (typeof given !== 'string' || !isPattern(given)) return checkName(what, given);
  const words = given.split('.');
  const last = words.length - 1;
  const isWord = (word: string, at: number): boolean =>
    word === '*' || (word === '#' && at === last) || PLAIN.test(word);
  if (given.length <= MAX_NAME_LENGTH && STARTS.test(given) && words.every(isWord)) return given;
  throw new InvalidNameError(
    what,
    given,
    `in a pattern of at most ${MAX_NAME_LENGTH} characters, '*' is one whole word, and '#' is the whole last word`,
  );
}

/** Whether the topic is one of those that the pattern stands for. Both must have been checked. */
export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = pattern.split('.');
  const words = topic.split('.');
  for (let at = 0; at < wanted.length; at++) {
    if (wanted[at] === '#') return true;
    if (at === words.length) return false;
    if (wanted[at] !== '*' && wanted[at] !== words[at]) return false;
  }
  return words.length === wanted.length;
}

/** How a topic starts, or a wildcard. */
const STARTS = /^[A-Za-z0-9*#]/;
const PLAIN = /^[A-Za-z0-9_-]*$/;
