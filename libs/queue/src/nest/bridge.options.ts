import type { KeyOrder } from '../backend/key-order.js';
import type { Outgoing } from '../message/outgoing.js';
import { isPattern } from '../message/topic-pattern.js';
import { checkName } from '../message/names.js';
import { checkTopicOrPattern } from '../message/topic-pattern.js';

/** Messages that are to be published on another backend too. */
export interface BridgeConfig {
  /** Names it in logs and in `QueueRegistry.status()`, and its subscription on `from`: `bridge.<name>`. */
  readonly name: string;
  readonly from: { readonly backend: string; readonly topics: readonly string[] };
  readonly to: {
    readonly backend: string;
    /** Where everything goes; default: the topic it comes from. */
    readonly topic?: string;
  };
  /** The message to publish instead; undefined drops it. Its id should stay: it is how a repetition is known. */
  readonly change?: (message: Outgoing) => Outgoing | undefined;
  /**
   * Keeps the messages of one key in their order, whatever fails, crashes or runs beside it; needs a backend with order by
   * key to take from. Default `none`: they keep it as long as one process runs the bridge and is not killed.
   */
  readonly order?: 'key' | 'none';
  /** Most messages per second. Default: no limit. */
  readonly rate?: number;
  /** Bridges that one message may pass. Default 8. */
  readonly maxHops?: number;
}

const KEYS = ['name', 'from', 'to', 'change', 'order', 'rate', 'maxHops'];
const ORDERS: readonly unknown[] = [undefined, 'key', 'none'];
/** A message that is refused for good is a dead letter, and its key goes on. */
const BY_KEY: KeyOrder = Object.freeze({ by: 'key', onRetry: 'block-key', onDead: 'skip' });
const FROM_KEYS = ['backend', 'topics'];
const TO_KEYS = ['backend', 'topic'];

export function subscriptionOf({ name }: BridgeConfig): string {
  return `bridge.${name}`;
}

export function orderOf({ order }: BridgeConfig): KeyOrder | undefined {
  return order === 'key' ? BY_KEY : undefined;
}

/** What is wrong with the list, by its paths. */
export function bridgeProblems(list: unknown, backends: readonly string[]): readonly string[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return ['bridges must be an array'];
  const problems = list.flatMap((given, at) => problemsOf(`bridges[${at}]`, given, backends));
  const names = list.map((given: unknown) => (given as BridgeConfig | null)?.name);
  const twice = names.find((name, at) => name !== undefined && names.indexOf(name) !== at);
  return twice === undefined ? problems : [...problems, `bridges: the name "${twice}" is given twice`];
}

function problemsOf(path: string, given: unknown, backends: readonly string[]): readonly string[] {
  if (!isRecord(given)) return [`${path} must be an object with name, from and to`];
  const { name, from, to, change, order, rate, maxHops } = given;
  return [
    ...unknownKeys(path, given, KEYS),
    ...unless(isName(name), `${path}.name must be the name of a subscription`),
    ...endProblems(`${path}.from`, from, { keys: FROM_KEYS, backends }),
    ...endProblems(`${path}.to`, to, { keys: TO_KEYS, backends }),
    ...unless(areTopics(from), `${path}.from.topics must list topics, or patterns of topics`),
    ...unless(isTopic(to), `${path}.to.topic must be a topic`),
    ...unless(change === undefined || typeof change === 'function', `${path}.change must be a function`),
    ...unless(ORDERS.includes(order), `${path}.order must be key or none`),
    ...unless(rate === undefined || Number(rate) > 0, `${path}.rate must be a number above 0`),
    ...unless(maxHops === undefined || isWhole(maxHops), `${path}.maxHops must be a whole number from 1 up`),
    ...unless(!isCircle(from, to), `${path} leads back to where it comes from`),
  ];
}

interface End {
  readonly keys: readonly string[];
  readonly backends: readonly string[];
}

function endProblems(path: string, end: unknown, { keys, backends }: End): readonly string[] {
  if (!isRecord(end)) return [`${path} must be an object with a backend`];
  const { backend } = end;
  const isKnown = backends.includes(backend as string);
  return [
    ...unknownKeys(path, end, keys),
    ...unless(isKnown, `${path}.backend: there is no backend "${String(backend)}"`),
  ];
}

function isCircle(from: unknown, to: unknown): boolean {
  if (!isRecord(from) || !isRecord(to) || from['backend'] !== to['backend']) return false;
  const { topics } = from as { topics?: unknown };
  if (!Array.isArray(topics) || to['topic'] === undefined) return true;
  return topics.some((topic) => topic === to['topic'] || isPattern(String(topic)));
}

function unknownKeys(path: string, given: object, known: readonly string[]): readonly string[] {
  return Object.keys(given)
    .filter((key) => !known.includes(key))
    .map((key) => `${path}.${key} is not an option`);
}

function unless(holds: boolean, problem: string): readonly string[] {
  return holds ? [] : [problem];
}

function isName(given: unknown): boolean {
  return passes(() => checkName('', `bridge.${String(given)}`) && checkName('', given));
}

function areTopics(from: unknown): boolean {
  const topics = isRecord(from) ? from['topics'] : undefined;
  if (!Array.isArray(topics) || topics.length === 0) return false;
  return topics.every((topic) => passes(() => checkTopicOrPattern('', topic)));
}

function isTopic(to: unknown): boolean {
  const topic = isRecord(to) ? to['topic'] : undefined;
  return topic === undefined || passes(() => checkName('', topic));
}

function isWhole(given: unknown): boolean {
  return Number.isInteger(given) && Number(given) >= 1;
}

function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
