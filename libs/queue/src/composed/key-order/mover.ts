import type { Receiver } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import type { HandingOut } from './handing-out.js';
import type { KeyLines } from './key-lines.js';
import type { Park, ParkEntry } from './park.js';
import type { ParkRecord } from './park-record.js';
import type { Place } from './place.js';

export interface MoverParts {
  readonly park: Park;
  readonly lines: KeyLines;
  readonly receiver: Receiver;
  readonly handing: HandingOut;
  /** Most settlements that the broker takes in one call. */
  readonly mostAtOnce: number;
  /** Something can be handed out that could not before. */
  readonly changed: () => void;
}

/** What a message is when it is parked: the same, unless something has become of it. */
export type Change = Partial<ParkRecord>;

/**
 * Brings messages from the broker to the park: written there first, acknowledged at the broker after that. A crash in
 * between leaves them in both places; the park knows which ones, and the broker's are dropped when they come.
 */
export class Mover {
  constructor(private readonly parts: MoverParts) {}

  /**
   * All that the broker still has of these keys goes in one step: what stays behind would be handed out by another holder
   * before or after its time. `first` is what has become of a message that is handed out.
   */
  move(places: readonly Place[], first: Change = {}): Promise<void> {
    const { lines } = this.parts;
    const messages = places.map((place, at) => {
      const { body, headers } = place.original as Delivery;
      const record = { ...recordOf(place), ...(at === 0 && first) };
      if (place.state !== 'out') lines.hold(place);
      return { record, content: { body: place.bytes ?? body, headers } };
    });
    const moving = this.#write(places, messages);
    for (const place of places) place.moving = moving;
    return moving;
  }

  async #write(places: readonly Place[], messages: Parameters<Park['append']>[0]): Promise<void> {
    const names = places.map(({ name }) => name);
    const entries = await this.parts.park.append(messages, names);
    const forgotten = places.map((place, at) => this.#moved(place, entries[at] as ParkEntry));
    void this.forget(forgotten);
    for (const place of places) {
      const isNext = place.line === undefined || place.line.first === place;
      if (place.state !== 'out' && place.state !== 'over' && isNext) this.parts.lines.look(place);
    }
    this.parts.changed();
  }

  /** Answers what the broker is to forget. */
  #moved(place: Place, entry: ParkEntry): Forgotten {
    const delivery = place.original as Delivery;
    place.entry = entry;
    place.original = undefined;
    place.moving = undefined;
    place.bytes = undefined;
    if (entry.record.isOut !== true) place.state = 'waiting';
    else if (place.state === 'out') this.parts.handing.keepLease(place);
    this.parts.lines.forget(place);
    return { name: place.name, delivery };
  }

  /** Tells the broker; what cannot be told comes once more, and is told then. Never rejects. */
  async forget(forgotten: readonly Forgotten[]): Promise<void> {
    const { mostAtOnce } = this.parts;
    for (let at = 0; at < forgotten.length; at += mostAtOnce)
      await this.#forget(forgotten.slice(at, at + mostAtOnce));
  }

  async #forget(forgotten: readonly Forgotten[]): Promise<void> {
    const { receiver, park } = this.parts;
    try {
      const acts = forgotten.map(({ delivery }) => ({ kind: 'ack', delivery }) as const);
      const results = await receiver.settle(acts);
      results.forEach((result, at) => {
        if (result === 'ok' || result === 'noop') park.met((forgotten[at] as Forgotten).name);
      });
    } catch {
      // The park remembers what may come.
    }
  }
}

export interface Forgotten {
  readonly name: string;
  readonly delivery: Delivery;
}

/** A delivery that has ended without a settlement is a crash. */
function recordOf(place: Place): ParkRecord {
  const delivery = place.original as Delivery;
  const { id, topic, key, ref, publishedAt, attempt, crashes, failures, priority, expiresAt } = delivery;
  const known = { id, topic, key: key as string, ref, publishedAt, failures, priority, expiresAt };
  if (place.state !== 'out') return { ...known, attempts: attempt - 1, crashes };
  const isOver = place.delivery === undefined;
  return isOver
    ? { ...known, attempts: attempt, crashes: crashes + 1 }
    : { ...known, attempts: attempt - 1, crashes, isOut: true };
}
