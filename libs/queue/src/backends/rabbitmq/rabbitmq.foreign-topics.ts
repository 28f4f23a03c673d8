import type { ForeignTopic } from '../../backend/capabilities.js';
import { quote } from '../../message/names.js';
import { matchesTopic } from '../../message/topic-pattern.js';

/** Where on an exchange of somebody else a topic lies: its messages go there with these, and come by a binding with these. */
export interface ForeignExchange {
  /** `''` is the default exchange, by which a message reaches the queue that its routing key names. */
  readonly exchange: string;
  /** A pattern on a topic exchange, for topics that are only listened to. Default: empty. */
  readonly routingKey?: string;
  /** Of every message that is published; on a headers exchange also what a message must have to be listened to. */
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  /** On a headers exchange: whether a message must have `all` of these headers, or `any`. Default: `all`. */
  readonly match?: 'all' | 'any';
}

/** One topic of ours and its place on an exchange of somebody else. */
export interface ForeignRoute extends Required<ForeignExchange> {
  readonly topic: string;
}

/** What a message that came says of its way. */
export interface Arrival {
  readonly exchange: string;
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Topics of ours that lie on exchanges of others. */
export class ForeignTopics {
  readonly #routes: readonly ForeignRoute[];
  readonly #byTopic: ReadonlyMap<string, ForeignRoute>;

  constructor(exchanges: Readonly<Record<string, ForeignExchange>>) {
    this.#routes = Object.entries(exchanges).map(([topic, given]) => ({
      topic,
      exchange: given.exchange,
      routingKey: given.routingKey ?? '',
      headers: given.headers ?? {},
      match: given.match ?? 'all',
    }));
    this.#byTopic = new Map(this.#routes.map((route) => [route.topic, route]));
  }

  get isEmpty(): boolean {
    return this.#routes.length === 0;
  }

  /** Those that must be there; the default exchange always is. */
  get exchanges(): readonly string[] {
    return [...new Set(this.#routes.map(({ exchange }) => exchange))].filter((name) => name !== '');
  }

  /** Where a publish goes; undefined: to our own exchange. */
  of(topic: string): ForeignRoute | undefined {
    return this.#byTopic.get(topic);
  }

  /** Where a subscription to these topics and patterns listens beside our own exchange. */
  heardBy(topics: readonly string[]): readonly ForeignRoute[] {
    return this.#among(topics).filter(canBeHeard);
  }

  /** One to which messages can only be sent, although somebody wants to listen to it. */
  unheardBy(topics: readonly string[]): ForeignRoute | undefined {
    return this.#among(topics).find((route) => !canBeHeard(route));
  }

  #among(topics: readonly string[]): readonly ForeignRoute[] {
    return this.#routes.filter(({ topic }) => topics.some((each) => matchesTopic(each, topic)));
  }

  toCapability(): Readonly<Record<string, ForeignTopic>> {
    const entries = this.#routes.map((route) => [route.topic, capabilityOf(route)] as const);
    return Object.freeze(Object.fromEntries(entries));
  }
}

/** The first of these routes by which a message can have come; undefined: by none of their exchanges. */
export function routeOf(routes: readonly ForeignRoute[], arrival: Arrival): ForeignRoute | undefined {
  const candidates = routes.filter(({ exchange }) => exchange === arrival.exchange);
  // On a fanout exchange neither key nor headers say anything: whichever route leads to it, the message came by it.
  return candidates.find((route) => fits(route, arrival)) ?? candidates[0];
}

/** In words, such as `exchange "shop.orders", routing key "created"`. */
export function placeOf({ exchange, routingKey }: ForeignRoute): string {
  if (exchange === '') return `queue ${quote(routingKey)}`;
  const key = routingKey === '' ? '' : `, routing key ${quote(routingKey)}`;
  return `exchange ${quote(exchange)}${key}`;
}

function capabilityOf(route: ForeignRoute): ForeignTopic {
  return Object.freeze({ place: placeOf(route), listen: canBeHeard(route) });
}

/** Nothing can be bound to the default exchange. */
function canBeHeard({ exchange }: ForeignRoute): boolean {
  return exchange !== '';
}

function fits({ routingKey, headers, match }: ForeignRoute, arrival: Arrival): boolean {
  const names = Object.keys(headers);
  const has = (name: string): boolean => arrival.headers[name] === headers[name];
  const hasHeaders = match === 'any' && names.length > 0 ? names.some(has) : names.every(has);
  return hasHeaders && (routingKey === arrival.routingKey || keyMatches(routingKey, arrival.routingKey));
}

/** As topic exchanges do it: `#` may stand in the middle there. */
function keyMatches(pattern: string, key: string): boolean {
  return matchesWords(pattern.split('.'), key.split('.'));
}

function matchesWords([first, ...rest]: readonly string[], words: readonly string[]): boolean {
  if (first === undefined) return words.length === 0;
  if (first === '#') return words.some((_, at) => matchesWords(rest, words.slice(at))) || rest.length === 0;
  return words.length > 0 && (first === '*' || first === words[0]) && matchesWords(rest, words.slice(1));
}
