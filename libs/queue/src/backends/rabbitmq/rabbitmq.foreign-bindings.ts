import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { BackendUnavailableError, UnsupportedError } from '../../backend/backend.errors.js';
import { quote } from '../../message/names.js';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import { ignore } from './rabbitmq.dial.js';
import { type ForeignRoute, type ForeignTopics, placeOf } from './rabbitmq.foreign-topics.js';
import type { RabbitStatus } from './rabbitmq.status.js';

export interface ForeignBindingsParts {
  readonly backend: string;
  readonly topics: ForeignTopics;
  readonly admin: RabbitAdmin;
  readonly status: RabbitStatus;
  readonly clock: Clock;
}

/** How soon a lane is bound again after the owner of an exchange deleted it and made it anew. */
const LOOK_MS = 5_000;

/**
 * Lanes of ours on exchanges of others. Those are never made here, and their bindings go with them without a word: so
 * they are looked for again and again, and what is bound already is left as it is.
 */
export class RabbitForeignBindings {
  readonly #parts: ForeignBindingsParts;
  readonly #bound = new Map<string, readonly ForeignRoute[]>();
  #cancelLook: CancelTimer | undefined;
  #isClosed = false;

  constructor(parts: ForeignBindingsParts) {
    this.#parts = parts;
  }

  /** Throws BackendUnavailableError unless all exchanges are there. */
  async check(): Promise<void> {
    for (const exchange of this.#parts.topics.exchanges)
      if (!(await this.#isThere(exchange))) throw this.#missing(exchange);
  }

  /** Throws UnsupportedError when one of them cannot be listened to. */
  async bind(lane: string, topics: readonly string[]): Promise<void> {
    const unheard = this.#parts.topics.unheardBy(topics);
    if (unheard !== undefined) throw this.#cannotHear(unheard);
    const routes = this.#parts.topics.heardBy(topics);
    if (routes.length === 0) return;
    for (const { exchange } of routes) if (!(await this.#isThere(exchange))) throw this.#missing(exchange);
    for (const route of routes) await this.#bind(lane, route);
    this.#bound.set(lane, routes);
    this.#cancelLook ??= this.#lookLater();
  }

  forget(lane: string): void {
    this.#bound.delete(lane);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
  }

  /** Binds again what is there, and tells in the status what is not. */
  async look(): Promise<void> {
    const { status } = this.#parts;
    const bindings = [...this.#bound].flatMap(([lane, routes]) => routes.map((route) => ({ lane, route })));
    for (const exchange of new Set(bindings.map(({ route }) => route.exchange))) {
      const what = `exchange ${exchange}`;
      if (!(await this.#isThere(exchange))) {
        status.ails(what, this.#missing(exchange));
        continue;
      }
      for (const { lane, route } of bindings) if (route.exchange === exchange) await this.#bind(lane, route);
      status.recovered(what);
    }
  }

  #lookLater(): CancelTimer {
    return this.#parts.clock.timer(LOOK_MS, () => {
      void this.look()
        .catch(ignore) // without a connection there is nothing to see
        .finally(() => (this.#cancelLook = this.#isClosed ? undefined : this.#lookLater()));
    });
  }

  async #isThere(exchange: string): Promise<boolean> {
    const doing = `look for exchange ${quote(exchange)}`;
    const found = await this.#parts.admin.find(doing, (channel) => channel.checkExchange(exchange));
    return found !== undefined;
  }

  /** A lane that is not there any more is bound when it is made again. */
  async #bind(lane: string, { exchange, routingKey, headers, match }: ForeignRoute): Promise<void> {
    const wanted = Object.keys(headers).length === 0 ? {} : { ...headers, 'x-match': match };
    await this.#parts.admin.find(`listen to exchange ${quote(exchange)}`, (channel) =>
      channel.bindQueue(lane, exchange, routingKey, wanted),
    );
  }

  #missing(exchange: string): BackendUnavailableError {
    const why =
      'it does not exist: its owner has to make it, or `exchanges` of the options names another one';
    return new BackendUnavailableError(this.#parts.backend, `use exchange ${quote(exchange)}`, why);
  }

  #cannotHear(route: ForeignRoute): UnsupportedError {
    const what = `listen to topic ${quote(route.topic)}, which is ${placeOf(route)} of somebody else`;
    const remedy = 'listen to an exchange, to which a queue of the subscription can be bound';
    return new UnsupportedError(this.#parts.backend, what, remedy);
  }
}
