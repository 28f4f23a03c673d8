import type { ConsumeMessage } from 'amqplib';
import { UnknownSubscriptionError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Depth, Inspected, InspectQuery, Peeked } from '../../backend/inspect.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Clock } from '../../ambient/clock.js';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import { asItCame } from './rabbitmq.broker-death.js';
import type { ForeignTopics } from './rabbitmq.foreign-topics.js';
import { idOf, topicOf } from './rabbitmq.delivery.js';
import type { RabbitNames } from './rabbitmq.names.js';
import { refOf, type RabbitShelf } from './rabbitmq.shelf.js';
import type { RabbitTopology } from './rabbitmq.topology.js';
import { bodyOf, failuresOf, headersOf, numberIn, textIn, WIRE } from './rabbitmq.wire.js';

export interface InspectorParts {
  readonly backend: string;
  readonly names: RabbitNames;
  readonly admin: RabbitAdmin;
  readonly topology: RabbitTopology;
  readonly foreign: ForeignTopics;
  readonly clock: Clock;
  readonly shelfOf: (subscription: string) => RabbitShelf;
  /** What this process has in hand: the broker tells nobody what others have. */
  readonly inHand: (subscription: string) => { readonly arrived: number; readonly inflight: number };
}

/** What an operator may ask, as far as AMQP answers. */
export class RabbitInspector {
  readonly #parts: InspectorParts;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    switch (query.kind) {
      case 'depth':
        return yield* this.#depths(query.subscription);
      case 'browse':
        return yield* this.#browse(query);
      case 'purge':
        yield { kind: 'purged', count: await this.#purge(query) };
        return;
      case 'expire':
        yield { kind: 'purged', count: await this.#expire(query.subscription, query.before) };
        return;
      case 'revive':
        throw this.#cannot('keep a key waiting for a dead letter', 'replay the dead letter');
      case 'cancel':
        throw this.#cannot('take back a delayed message', 'let it come, and ignore it in the handler');
    }
  }

  async *#depths(subscription: string | undefined): AsyncGenerator<Depth> {
    if (subscription === undefined) {
      for (const name of await this.#parts.topology.list()) {
        const depth = await this.#depth(name);
        if (depth !== undefined) yield depth;
      }
      return;
    }
    const depth = await this.#depth(subscription);
    if (depth === undefined) throw new UnknownSubscriptionError(this.#parts.backend, subscription);
    yield depth;
  }

  async #depth(subscription: string): Promise<Depth | undefined> {
    const { names, inHand, shelfOf } = this.#parts;
    const ready = await this.#count(names.lane(subscription));
    if (ready === undefined) return undefined;
    const dead = (await this.#count(names.dead(subscription))) ?? 0;
    const { arrived, inflight } = inHand(subscription);
    return {
      kind: 'depth',
      subscription,
      ready: ready + arrived,
      delayed: 0,
      held: 0,
      inflight,
      dead: dead + shelfOf(subscription).inHand,
      oldestReadyMs: undefined,
    };
  }

  /** undefined: there is no such queue. */
  async #count(queue: string): Promise<number | undefined> {
    const answer = await this.#parts.admin.find('count messages', (channel) => channel.checkQueue(queue));
    return answer?.messageCount;
  }

  async *#browse(query: Extract<InspectQuery, { kind: 'browse' }>): AsyncGenerator<Peeked> {
    const { subscription, state, limit, after, id } = query;
    if (state !== 'dead') {
      throw this.#cannot(
        `look at messages that are ${state}`,
        'consume them, or look with the management plugin',
      );
    }
    await this.#known(subscription);
    const letters = await this.#parts.shelfOf(subscription).look();
    const seen = letters.findIndex((letter) => refOf(letter) === after);
    const wanted = letters.slice(seen + 1).filter((letter) => id === undefined || idOf(letter) === id);
    yield* wanted.slice(0, limit).map((letter) => peeked(this.#asItCame(letter), subscription));
  }

  #asItCame(letter: ConsumeMessage): ConsumeMessage {
    if (diedAtOf(letter) !== undefined) return letter;
    const { foreign, clock } = this.#parts;
    return asItCame(letter, foreign.heardBy(['#']), clock.now());
  }

  async #purge(query: Extract<InspectQuery, { kind: 'purge' }>): Promise<number> {
    const { subscription, state, ref } = query;
    await this.#known(subscription);
    if (state === 'dead') {
      const shelf = this.#parts.shelfOf(subscription);
      return shelf.remove((letter) => ref === undefined || refOf(letter) === ref);
    }
    if (state === 'delayed') {
      throw this.#cannot('find the delayed messages of one subscription', 'let them come, and ignore them');
    }
    if (state === 'held') return 0;
    const { admin, names } = this.#parts;
    const lane = names.lane(subscription);
    return (await admin.run('purge a subscription', (channel) => channel.purgeQueue(lane))).messageCount;
  }

  async #expire(subscription: string, before: number): Promise<number> {
    const shelf = this.#parts.shelfOf(subscription);
    return shelf.remove((letter) => (diedAtOf(letter) ?? Infinity) < before);
  }

  async #known(subscription: string): Promise<void> {
    if (await this.#parts.topology.exists(subscription)) return;
    throw new UnknownSubscriptionError(this.#parts.backend, subscription);
  }

  #cannot(what: string, remedy: string): UnsupportedError {
    return new UnsupportedError(this.#parts.backend, what, remedy);
  }
}

function peeked(letter: ConsumeMessage, subscription: string): Peeked {
  const { headers } = letter.properties;
  // The broker counts looks at dead letters too: only what was known at the death counts.
  const crashes = numberIn(headers, WIRE.crashes) ?? 0;
  return {
    kind: 'message',
    ref: refOf(letter),
    state: 'dead',
    id: idOf(letter),
    topic: topicOf(letter),
    subscription,
    key: textIn(headers, WIRE.key),
    body: bodyOf(letter),
    headers: headersOf(letter),
    publishedAt: numberIn(headers, WIRE.publishedAt) ?? 0,
    attempts: (numberIn(headers, WIRE.failed) ?? 0) + crashes,
    crashes,
    failures: failuresFor(letter, crashes),
    deadAt: diedAtOf(letter),
  };
}

/** One that the broker gave up by itself has no record of ours. */
function failuresFor(letter: ConsumeMessage, crashes: number): readonly FailureRecord[] {
  const failures = failuresOf(letter);
  if (diedAtOf(letter) !== undefined) return failures;
  const error = { name: 'DeliveryLimit', message: 'the broker gave the message up at its delivery limit' };
  return [...failures, { attempt: crashes, at: 0, reason: 'crash', error, handler: '', host: '' }];
}

function diedAtOf({ properties }: ConsumeMessage): number | undefined {
  return numberIn(properties.headers, WIRE.diedAt);
}
