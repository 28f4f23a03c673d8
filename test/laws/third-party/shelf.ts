import type { Body, FailureRecord, Headers, Outgoing } from '@pigeonpost/queue';

/** A copy of a message for one subscription. Times are monotonic ms, unless they are called wall. */
export interface Item {
  readonly ref: string;
  readonly message: Outgoing;
  /** Captured: the publisher may go on writing into its own. */
  readonly body: Body;
  readonly headers: Headers;
  readonly publishedWall: number;
  /** When it became ready, or will: its place in the line. */
  place: number;
  /** From then on it can be taken; while it is leased, the end of the lease. */
  readyAt: number;
  leased: boolean;
  /** Rises with every delivery; the token of the one under way. */
  deliveries: number;
  releases: number;
  failed: number;
  failures: readonly FailureRecord[];
}

export interface DeadItem extends Item {
  readonly deadWall: number;
}

/** The broker: arrays, one per subscription. It outlives connections, as a server would. */
export class Shelf {
  readonly topics = new Map<string, ReadonlySet<string>>();
  readonly items = new Map<string, readonly Item[]>();
  readonly dead = new Map<string, DeadItem[]>();
  #lastRef = 0;

  add(name: string, topics: readonly string[]): void {
    this.items.set(name, this.items.get(name) ?? []);
    this.dead.set(name, this.dead.get(name) ?? []);
    this.topics.set(name, new Set([...(this.topics.get(name) ?? []), ...topics]));
  }

  /** Names of the subscriptions that get a copy. */
  listeners({ topic, to }: Outgoing): readonly string[] {
    if (to !== undefined) return this.items.has(to) ? [to] : [];
    return [...this.topics].filter(([, topics]) => topics.has(topic)).map(([name]) => name);
  }

  put(name: string, item: Omit<Item, 'ref'>): void {
    const ref = String(++this.#lastRef).padStart(12, '0');
    this.items.set(name, [...(this.items.get(name) ?? []), { ...item, ref }]);
  }
}
