import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { ParkEntry } from './park.js';

/**
 * Where a message stands. `waiting`: behind another one of its key, or not looked at yet. `ready`: can be handed out.
 * `out`: is handed out. `resting`: the first of its key, and not yet due. `held`: a dead letter that holds its key.
 * `over`: nothing is left of it here.
 */
export type PlaceState = 'waiting' | 'ready' | 'out' | 'resting' | 'held' | 'over';

/** One message that the holder of a subscription knows: the broker's still, or the park's. */
export class Place {
  state: PlaceState = 'waiting';
  /** undefined: without a key, or it has left the order. */
  line: KeyLine | undefined;
  /** While it is the broker's: how it came from there last. */
  original: Delivery | undefined;
  /** While it is the broker's: the name of its copy there, or its id. */
  name = '';
  /** Bytes as they came from the broker: a handler may write into those that it gets. */
  bytes: Body | undefined;
  /** While it is the park's. */
  entry: ParkEntry | undefined;
  /** What may settle it; undefined: nothing, until it is handed out again. */
  delivery: Delivery | undefined;
  /** Monotonic ms. When it is not handed out: of the broker's lease. */
  leaseEndsAt = Infinity;
  /** Settlements that wait for the broker's answer. */
  settling = 0;
  /** Set while it goes from the broker to the park. */
  moving: Promise<void> | undefined;

  /** `number` gives the order of arrival among all. */
  constructor(readonly number: number) {}
}

/** The messages of one key in their order. What is parked comes before what is still the broker's. */
export class KeyLine {
  #places: Place[] = [];
  /** Those before it are gone. */
  #start = 0;

  constructor(readonly key: string) {}

  get first(): Place | undefined {
    return this.#places[this.#start];
  }

  get size(): number {
    return this.#places.length - this.#start;
  }

  push(place: Place): void {
    place.line = this;
    this.#places.push(place);
  }

  /** Takes the first one out. */
  shift(): void {
    const place = this.#places[this.#start];
    if (place !== undefined) place.line = undefined;
    this.#places[this.#start++] = EMPTY;
    if (this.#start < 32 || this.#start * 2 < this.#places.length) return;
    this.#places = this.#places.slice(this.#start);
    this.#start = 0;
  }

  /** In their order. */
  *[Symbol.iterator](): Generator<Place> {
    for (let at = this.#start; at < this.#places.length; at++) yield this.#places[at] as Place;
  }

  /** Takes out all that wait, are the broker's and are not on their way to the park. */
  dropWaiting(): readonly Place[] {
    const waiting = [...this].filter(
      ({ original, state, moving }) => original !== undefined && state === 'waiting' && moving === undefined,
    );
    if (waiting.length > 0) {
      const gone = new Set(waiting);
      this.#places = [...this].filter((place) => !gone.has(place));
      this.#start = 0;
    }
    return waiting;
  }
}

/** Stands where a message has left: so that the line keeps nothing alive. */
const EMPTY = new Place(-1);
