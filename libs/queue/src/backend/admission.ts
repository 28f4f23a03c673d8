import { SubscriptionFullError } from './backend.errors.js';
import type { Bounds, Overflowed, Pressure } from './bounds.js';

/** A subscription that may have bounds. */
export interface Bounded {
  readonly name: string;
  /** undefined: takes what comes. */
  readonly bounds: Bounds | undefined;
}

/** What admission asks of a backend. */
export interface Census<Taker extends Bounded> {
  /** How many more messages it may hold; asked for those with bounds only. */
  roomIn(taker: Taker): number;
  /** Whether an older message could make way. */
  canDisplaceIn(taker: Taker): boolean;
  listenersOf(topic: string): readonly Taker[];
}

/** Who gets a message, and at what price. */
export interface Admission<Taker extends Bounded> {
  /** Get a copy; those in `displacing` after their oldest ready message was removed. */
  readonly takers: readonly Taker[];
  readonly displacing: readonly Taker[];
  /** Get a copy in the place of another subscription, by the topic it comes from then. */
  readonly overflow: readonly { readonly taker: Taker; readonly topic: string }[];
  /** undefined when no bound was met. */
  readonly pressure: Pressure | undefined;
}

/**
 * Holds one message against the bounds of those who would get it. All or nothing where a full one rejects or blocks;
 * copy by copy otherwise. Changes nothing itself.
 */
export function admit<Taker extends Bounded>(
  backend: string,
  takers: readonly Taker[],
  census: Census<Taker>,
): Admission<Taker> | SubscriptionFullError {
  const full = takers.filter((taker) => taker.bounds !== undefined && census.roomIn(taker) <= 0);
  if (full.length === 0) return { takers, displacing: [], overflow: [], pressure: undefined };
  const refusing = full.find(isRefusing);
  return refusing === undefined
    ? new Sorting(backend, takers, census).sort(full)
    : fullError(backend, refusing);
}

/** A message for one subscription has nowhere else to go, and nobody who would notice that it was dropped. */
export function admitToLane<Taker extends Bounded>(
  backend: string,
  taker: Taker,
  census: Census<Taker>,
): SubscriptionFullError | undefined {
  if (taker.bounds === undefined || census.roomIn(taker) > 0) return undefined;
  return new SubscriptionFullError(backend, {
    subscription: taker.name,
    maxMessages: taker.bounds.maxMessages,
  });
}

/** Decides what becomes of each copy, once it is known that none of the full ones refuses. */
class Sorting<Taker extends Bounded> {
  readonly #dropped: string[] = [];
  readonly #displacing: Taker[] = [];
  readonly #overflowed: Overflowed[] = [];
  readonly #overflow: { taker: Taker; topic: string }[] = [];
  #perSecond: number | undefined;

  constructor(
    private readonly backend: string,
    private readonly takers: readonly Taker[],
    private readonly census: Census<Taker>,
  ) {}

  sort(full: readonly Taker[]): Admission<Taker> | SubscriptionFullError {
    const leaving = new Set<Taker>();
    for (const taker of full) {
      const fate = this.#fateOf(taker);
      if (fate instanceof SubscriptionFullError) return fate;
      if (fate === 'leaves') leaving.add(taker);
    }
    return {
      takers: this.takers.filter((taker) => !leaving.has(taker)),
      displacing: this.#displacing,
      overflow: this.#overflow,
      pressure: {
        dropped: this.#dropped,
        displaced: this.#displacing.map(({ name }) => name),
        overflowed: this.#overflowed,
        perSecond: this.#perSecond,
      },
    };
  }

  #fateOf(taker: Taker): 'stays' | 'leaves' | SubscriptionFullError {
    const { whenFull } = taker.bounds as Bounds;
    switch (whenFull.kind) {
      case 'throttle':
        this.#perSecond = Math.min(this.#perSecond ?? Infinity, whenFull.perSecond);
        return 'stays';
      case 'overflow':
        return this.#overflowTo(whenFull.topic, taker) ?? 'leaves';
      case 'drop-oldest':
        return this.census.canDisplaceIn(taker) ? this.#displaceIn(taker) : this.#drop(taker);
      case 'drop-newest':
      case 'reject':
      case 'block':
        return this.#drop(taker);
    }
  }

  #displaceIn(taker: Taker): 'stays' {
    this.#displacing.push(taker);
    return 'stays';
  }

  #drop(taker: Taker): 'leaves' {
    this.#dropped.push(taker.name);
    return 'leaves';
  }

  /** Nobody gets two copies, and there is no second overflow: whoever is full there, or not there at all, refuses. */
  #overflowTo(topic: string, from: Taker): SubscriptionFullError | undefined {
    const listeners = this.census.listenersOf(topic);
    if (listeners.length === 0) return fullError(this.backend, from);
    for (const taker of listeners) {
      if (
        isAmong(this.takers, taker) ||
        isAmong(
          this.#overflow.map((other) => other.taker),
          taker,
        )
      )
        continue;
      if (taker.bounds !== undefined && this.census.roomIn(taker) <= 0) return fullError(this.backend, taker);
      this.#overflow.push({ taker, topic });
    }
    this.#overflowed.push({ subscription: from.name, topic });
    return undefined;
  }
}

function isAmong(list: readonly Bounded[], { name }: Bounded): boolean {
  return list.some((other) => other.name === name);
}

function isRefusing({ bounds }: Bounded): boolean {
  return bounds?.whenFull.kind === 'reject' || bounds?.whenFull.kind === 'block';
}

function fullError(backend: string, { name, bounds }: Bounded): SubscriptionFullError {
  const { maxMessages, whenFull } = bounds as Bounds;
  const blockMs = whenFull.kind === 'block' ? whenFull.withinMs : undefined;
  return new SubscriptionFullError(backend, { subscription: name, maxMessages, blockMs });
}
