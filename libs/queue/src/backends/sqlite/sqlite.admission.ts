import { type Admission, admit, admitToLane, type Bounded, type Census } from '../../backend/admission.js';
import { SubscriptionFullError } from '../../backend/backend.errors.js';
import type { Pressure } from '../../backend/bounds.js';
import type { SqliteTopology } from './sqlite.topology.js';

/** A subscription that would get a copy. */
interface Taker extends Bounded {
  readonly id: number;
}

/** What becomes of a message where a bound was met. */
export interface Admitted {
  /** Ids of those who get a copy. */
  readonly ids: readonly number[];
  /** Ids of those who get a copy in the place of another, with the topic it comes from then. */
  readonly overflow: readonly { readonly id: number; readonly topic: string }[];
  readonly pressure: Pressure | undefined;
}

/** Holds the messages of one transaction against the bounds of their subscriptions. Counts each of these once at most. */
export class SqliteAdmission implements Census<Taker> {
  /** By id of the subscription: what fits, and whether that was counted in this transaction. */
  readonly #rooms = new Map<number, { room: number; isCounted: boolean }>();

  constructor(
    private readonly backend: string,
    private readonly topology: SqliteTopology,
    private readonly now: number,
  ) {}

  concerns(ids: readonly number[]): boolean {
    const { all } = this.topology.bounds;
    return all.size > 0 && ids.some((id) => all.has(id));
  }

  /** For a message that `concerns` said yes to. Its room is taken, and displaced ones are gone, when this returns. */
  admit(ids: readonly number[]): Admitted | SubscriptionFullError {
    const takers = ids.map((id) => this.#taker(id));
    const admission = admit(this.backend, takers, this);
    return admission instanceof SubscriptionFullError ? admission : this.#carryOut(admission, takers);
  }

  /** Before the transaction ends: keeps what is left of the room. */
  save(): void {
    for (const [id, { room }] of this.#rooms) this.topology.bounds.saveRoom(id, Math.max(0, room));
  }

  roomIn({ id, bounds }: Taker): number {
    let known = this.#rooms.get(id);
    if (known === undefined) {
      known = { room: this.topology.bounds.sureRoom(id), isCounted: false };
      this.#rooms.set(id, known);
    }
    if (known.room <= 0 && !known.isCounted) {
      known.room = (bounds?.maxMessages ?? Infinity) - this.topology.bounds.count(id, this.now);
      known.isCounted = true;
    }
    return known.room;
  }

  canDisplaceIn({ id }: Taker): boolean {
    return this.topology.bounds.oldestReady(id, this.now) !== undefined;
  }

  listenersOf(topic: string): readonly Taker[] {
    return this.topology.listenersOf(topic).map((id) => this.#taker(id));
  }

  #taker(id: number): Taker {
    return this.topology.takerOf(id);
  }

  /** The same for a message for one subscription. */
  admitToLane(id: number): Admitted | SubscriptionFullError {
    const taker = this.#taker(id);
    const refusal = admitToLane(this.backend, taker, this);
    if (refusal !== undefined) return refusal;
    this.#takeRoom(taker.id);
    return { ids: [taker.id], overflow: [], pressure: undefined };
  }

  #carryOut(admission: Admission<Taker>, takers: readonly Taker[]): Admitted {
    const { bounds, keyOrder } = this.topology;
    for (const { id } of admission.displacing) {
      const key = bounds.removeMessage(bounds.oldestReady(id, this.now) as number);
      if (key !== undefined) keyOrder.next({ subscriptionId: id, key }, this.now);
      this.#takeRoom(id, -1);
    }
    for (const { id } of admission.takers) this.#takeRoom(id);
    for (const { taker } of admission.overflow) this.#takeRoom(taker.id);
    if (admission.pressure !== undefined) this.#countDropped(admission.pressure, takers);
    return {
      ids: admission.takers.map(({ id }) => id),
      overflow: admission.overflow.map(({ taker, topic }) => ({ id: taker.id, topic })),
      pressure: admission.pressure,
    };
  }

  #takeRoom(id: number, count = 1): void {
    const known = this.#rooms.get(id);
    if (known !== undefined) known.room -= count;
  }

  #countDropped({ dropped, displaced, overflowed }: Pressure, takers: readonly Taker[]): void {
    const names = new Set([...dropped, ...displaced, ...overflowed.map(({ subscription }) => subscription)]);
    for (const { id, name } of takers) if (names.has(name)) this.topology.bounds.countDropped(id);
  }
}
