import type { Delivery } from '../message/delivery.js';
import { matchesTopic } from '../message/topic-pattern.js';
import type { Peeked } from '../backend/inspect.js';
import type { History, HistoryEvent } from './history.js';

export interface CheckOptions {
  /** Messages that still lie on the broker, all states. */
  readonly remaining: readonly Peeked[];
  /** How far times may be off, in ms. */
  readonly slackMs: number;
}

type Settled = HistoryEvent & { kind: 'settled' };
type Published = HistoryEvent & { kind: 'published' };

/** The life of the copies that one subscription got of one message. */
class Life {
  /** Copies it may have: those confirmed or unknown, and those a fault added. */
  possible = 0;
  confirmed = 0;
  mayExpire = false;
  /** Acknowledged or dead for sure; those with an unknown answer too. */
  ended = 0;
  maybeEnded = 0;
  deliveries = 0;
  /** By ref: the latest delivery, how it ended, and until when its lease holds. */
  readonly latest = new Map<string, { delivery: Delivery; end: Settled | undefined; leaseEndsAt: number }>();
}

/**
 * Reads a history and names everything that must not be: a confirmed message missing, a message nobody sent, a
 * delivery after a confirmed end, or before its delay was over, two holders of one lease, attempts that do not rise, messages in foreign
 * subscriptions, duplicates without a fault. Empty: all is well.
 */
export function checkHistory(history: History, options: CheckOptions): readonly string[] {
  const checker = new Checker(options);
  for (const event of history) checker.read(event);
  return checker.verdict();
}

class Checker {
  readonly #lives = new Map<string, Life>();
  readonly #wrong: string[] = [];
  /** What was published so far. */
  readonly #sent: Published[] = [];
  readonly #purged = new Map<string, number>();

  constructor(private readonly options: CheckOptions) {}

  read(event: HistoryEvent): void {
    switch (event.kind) {
      case 'published':
        this.#sent.push(event);
        return this.#published(event);
      case 'cancelled':
        for (const [key, life] of this.#lives) if (key.endsWith(` ${event.id}`)) life.mayExpire = true;
        return;
      case 'caught-up':
        return this.#caughtUp(event);
      case 'delivered':
        return this.#delivered(event.delivery, event.at);
      case 'settled':
        return this.#settled(event);
      case 'purged':
        this.#purged.set(event.subscription, (this.#purged.get(event.subscription) ?? 0) + event.count);
        return;
      case 'removed':
        for (const key of this.#lives.keys())
          if (key.startsWith(`${event.subscription} `)) this.#lives.delete(key);
        return;
      case 'revived':
        return event.count > 0 ? this.#revived(event) : undefined;
      case 'fault':
        for (const [key, life] of this.#lives) if (key.endsWith(` ${event.id}`)) life.possible += event.extra;
    }
  }

  verdict(): readonly string[] {
    for (const [key, life] of this.#lives) this.#complete(key, life);
    return this.#wrong;
  }

  #published({ message, to, result }: Published): void {
    if (result.status === 'refused' || (result.status === 'stored' && result.duplicate)) return;
    // Without copies it waits somewhere until it is due.
    const waits = message.delayMs !== undefined && result.status === 'stored' && result.copies === 0;
    const pressure = result.status === 'stored' ? result.pressure : undefined;
    for (const subscription of pressure?.displaced ?? []) this.#purged.set(subscription, 1);
    const isPlain = result.status === 'stored' && result.copies !== undefined && !pressure && !waits;
    if (isPlain && result.copies !== to.length) {
      this.#wrong.push(`${message.id} was stored ${result.copies} times for ${to.length} subscriptions`);
    }
    for (const subscription of to) {
      const life = this.#life(subscription, message.id);
      life.possible++;
      if (result.status === 'stored' && !pressure?.dropped.includes(subscription)) life.confirmed++;
      if (message.ttlMs !== undefined) life.mayExpire = true;
    }
  }

  /** It may get what was published before, if that was retained. */
  #caughtUp({ subscription, topics }: HistoryEvent & { kind: 'caught-up' }): void {
    for (const { message, result } of this.#sent) {
      const isHeard = message.to === undefined && topics.some((topic) => matchesTopic(topic, message.topic));
      if (!isHeard || result.status === 'refused') continue;
      const life = this.#life(subscription, message.id);
      if (life.possible === 0) life.possible++;
    }
  }

  #delivered(delivery: Delivery, at: number): void {
    const { subscription, id, ref = id } = delivery;
    const life = this.#life(subscription, id);
    const name = `${subscription}/${id}`;
    life.deliveries++;
    if (life.possible === 0) this.#wrong.push(`${name} was delivered although nobody sent it there`);
    else if (life.ended >= life.possible)
      this.#wrong.push(`${name} was delivered after its end was confirmed`);
    const before = life.latest.get(ref);
    if (before !== undefined) this.#compare(name, before, { delivery, at });
    life.latest.set(ref, { delivery, end: undefined, leaseEndsAt: at + delivery.leaseMs });
  }

  /** A dead letter may lie under another name than the one it was delivered under. */
  #revived({ subscription, ref, id }: HistoryEvent & { kind: 'revived' }): void {
    const here = [...this.#lives].filter(([key]) => key.startsWith(`${subscription} `));
    const named = here.filter(([, life]) => life.latest.delete(ref));
    const lives = named.length > 0 ? named : here.filter(([key]) => key === `${subscription} ${id}`);
    for (const [, life] of lives) {
      if (named.length === 0) life.latest.clear();
      life.possible++;
      life.confirmed++;
    }
  }

  #compare(
    name: string,
    before: { delivery: Delivery; end: Settled | undefined; leaseEndsAt: number },
    now: { delivery: Delivery; at: number },
  ): void {
    const { delivery, end, leaseEndsAt } = before;
    if (end === undefined && now.at < leaseEndsAt - this.options.slackMs) {
      this.#wrong.push(
        `${name} has two holders: the lease of the first ends ${leaseEndsAt - now.at} ms later`,
      );
    }
    const earlyMs = dueAt(end) - now.at;
    if (earlyMs > this.options.slackMs)
      this.#wrong.push(`${name} came ${earlyMs} ms before its delay was over`);
    const rise = now.delivery.attempt - delivery.attempt;
    if (end?.act.kind === 'release' && end.result === 'ok') {
      if (rise !== 0) this.#wrong.push(`${name} was released and its attempt went up by ${rise}`);
    } else if (rise < 1 && typeof end?.result !== 'object') {
      this.#wrong.push(`${name} came again and its attempt went up by ${rise}`);
    }
  }

  #settled(event: Settled): void {
    const { act, result, at } = event;
    const { subscription, id, ref = id } = act.delivery;
    const life = this.#life(subscription, id);
    const latest = life.latest.get(ref);
    const isCurrent = latest?.delivery === act.delivery;
    if (result === 'ok' && act.kind === 'extend') {
      if (isCurrent) latest.leaseEndsAt = at + act.leaseMs;
      return;
    }
    if (result === 'lost' || result === 'noop' || act.kind === 'extend') return;
    if (isCurrent) latest.end = event;
    else if (result === 'ok')
      this.#wrong.push(`${subscription}/${id} was settled by a delivery that had lost it`);
    if (act.kind !== 'ack' && act.kind !== 'dead') return;
    if (result === 'ok') life.ended++;
    else life.maybeEnded++;
  }

  #complete(key: string, life: Life): void {
    const name = key.replace(' ', '/');
    const remaining = this.#remaining(key);
    const accounted = life.ended + life.maybeEnded + remaining.alive;
    if (life.ended > life.possible)
      this.#wrong.push(`${name} ended ${life.ended} times, sent ${life.possible} times`);
    if (life.mayExpire || this.#purged.has(key.split(' ')[0] as string)) return;
    if (accounted < life.confirmed) {
      this.#wrong.push(
        `${name} was confirmed and is nowhere: ${life.deliveries} deliveries, none that ended it`,
      );
    }
  }

  #remaining(key: string): { readonly alive: number } {
    const [subscription, id] = key.split(' ');
    const alive = this.options.remaining.filter(
      (peeked) => peeked.subscription === subscription && peeked.id === id && peeked.state !== 'dead',
    );
    return { alive: alive.length };
  }

  #life(subscription: string, id: string): Life {
    const key = `${subscription} ${id}`;
    let life = this.#lives.get(key);
    if (life === undefined) this.#lives.set(key, (life = new Life()));
    return life;
  }
}

/** Until when what ended so was to wait; -Infinity: it was not. */
function dueAt(end: Settled | undefined): number {
  if (end?.result !== 'ok' || (end.act.kind !== 'retry' && end.act.kind !== 'release')) return -Infinity;
  return end.at + (end.act.delayMs ?? 0);
}
