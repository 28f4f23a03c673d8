import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { KeyLine, Place } from './place.js';

/** Whose turn it is of every key, and who of them can be handed out. Decides nothing else, and waits for nobody. */
export class KeyLines {
  /** Can be handed out at once, by arrival. */
  readonly ready: Place[] = [];
  /** The park's, whose attempt must be counted before they can be handed out; by arrival. */
  readonly uncounted: Place[] = [];
  /** Dead letters that hold their key. */
  readonly held = new Set<Place>();
  /** The broker's, by the name of their copy. */
  readonly known = new Map<string, Place>();
  readonly #lines = new Map<string, KeyLine>();
  readonly #resting = new Map<Place, CancelTimer>();
  #arrived = 0;

  /** `due` is called when time alone has made something ready. */
  constructor(
    private readonly clock: Clock,
    private readonly due: () => void,
  ) {}

  /** Keys of which something is here. */
  get keys(): number {
    return this.#lines.size;
  }

  newPlace(): Place {
    return new Place(this.#arrived++);
  }

  /** Behind the others of its key. */
  join(place: Place, key: string): KeyLine {
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = new KeyLine(key)));
    line.push(place);
    if (line.first === place) this.look(place);
    return line;
  }

  /** Finds out what becomes of one that is first of its key, or that has none. */
  look(place: Place): void {
    this.#withdraw(place);
    const record = place.entry?.record;
    if (record?.holds === true) {
      place.state = 'held';
      this.held.add(place);
      return;
    }
    const waitMs = (record?.dueAt ?? 0) - this.clock.now();
    if (waitMs > 0) return this.#rest(place, waitMs);
    place.state = 'ready';
    insert(place.entry === undefined ? this.ready : this.uncounted, place);
  }

  /** It can be handed out, in the order of arrival. */
  offer(place: Place): void {
    place.state = 'ready';
    insert(this.ready, place);
  }

  /** Nothing is left of it: the next one of its key has its turn. */
  end(place: Place): void {
    this.#withdraw(place);
    this.forget(place);
    place.state = 'over';
    place.delivery = undefined;
    this.leave(place);
  }

  /** It goes on without the order; the next one of its key has its turn. */
  leave(place: Place): void {
    const { line } = place;
    if (line === undefined) return;
    line.shift();
    if (line.first === undefined) this.#lines.delete(line.key);
    else if (line.first.moving === undefined) this.look(line.first);
  }

  /** Not to be handed out for now. */
  hold(place: Place): void {
    this.#withdraw(place);
    place.state = 'waiting';
  }

  /** It is the broker's no more, or gone there. */
  forget(place: Place): void {
    if (this.known.get(place.name) === place) this.known.delete(place.name);
  }

  /** Takes out all that are the broker's and not handed out. */
  dropWaiting(): readonly Place[] {
    const dropped: Place[] = [];
    for (const line of this.#lines.values()) {
      const { first } = line;
      dropped.push(...line.dropWaiting());
      const isIdle = first?.original !== undefined && first.state === 'ready' && first.moving === undefined;
      if (isIdle) {
        this.#withdraw(first);
        line.shift();
        dropped.push(first);
      }
      if (line.first === undefined) this.#lines.delete(line.key);
    }
    return dropped;
  }

  stop(): void {
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
  }

  #rest(place: Place, waitMs: number): void {
    place.state = 'resting';
    const cancel = this.clock.timer(waitMs, () => {
      this.look(place);
      this.due();
    });
    this.#resting.set(place, cancel);
  }

  #withdraw(place: Place): void {
    if (place.state === 'ready') {
      remove(this.ready, place);
      remove(this.uncounted, place);
    }
    this.held.delete(place);
    this.#resting.get(place)?.();
    this.#resting.delete(place);
  }
}

/** Most come last: what is given back goes before what arrived after it. */
function insert(list: Place[], place: Place): void {
  let at = list.length;
  while (at > 0 && (list[at - 1] as Place).number > place.number) at--;
  if (at === list.length) list.push(place);
  else list.splice(at, 0, place);
}

function remove(list: Place[], place: Place): void {
  const at = list.indexOf(place);
  if (at >= 0) list.splice(at, 1);
}
