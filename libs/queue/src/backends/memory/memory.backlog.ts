import type { Copy } from './memory.copy.js';
import { CopyHeap } from './memory.heap.js';
import { Line, UrgentLines } from './memory.line.js';

/**
 * The copies of one subscription that nobody holds: what is ready, by priority and then in the order it became so, and
 * what is not yet due.
 */
export class Backlog {
  readonly #plain = new Line();
  /** Made by the first message with a priority. */
  #urgent: UrgentLines | undefined;
  readonly #later = new CopyHeap();
  #lastPlace = 0;
  #ready = 0;
  #delayed = 0;
  #anyExpires = false;

  /** `dropped` hears of every copy that expired before its turn. */
  constructor(private readonly dropped: (copy: Copy) => void) {}

  get ready(): number {
    return this.#ready;
  }

  get delayed(): number {
    return this.#delayed;
  }

  /** Monotonic ms of the next copy to become ready; Infinity when there is none. */
  get nextDueAt(): number {
    return this.#later.firstRank;
  }

  /** Ready now, behind everything that is. */
  append(copy: Copy): void {
    copy.place = ++this.#lastPlace;
    this.#noteExpiry(copy);
    this.#lineOf(copy).push(copy);
    this.#ready++;
  }

  /** Ready again, in its old place. */
  putBack(copy: Copy): void {
    this.#lineOf(copy).putBack(copy);
    this.#ready++;
  }

  schedule(copy: Copy, dueAt: number): void {
    this.#noteExpiry(copy);
    this.#later.push(dueAt, copy);
    this.#delayed++;
  }

  /** The next one to hand out, or undefined. What has expired is dropped on the way. */
  shift(monoMs: number): Copy | undefined {
    while (this.#ready > 0) {
      const copy = this.#urgent?.shift() ?? this.#plain.shift();
      if (copy === undefined) return undefined;
      if (copy.removed) continue;
      this.#ready--;
      if (!copy.isExpired(monoMs)) return copy;
      this.dropped(copy);
    }
    return undefined;
  }

  /** Moves what has become due to the end of the line, in the order it became due. */
  promote(monoMs: number): void {
    while (this.#later.firstRank <= monoMs) {
      const copy = this.#later.shift() as Copy;
      if (copy.removed) continue;
      this.#delayed--;
      this.append(copy);
    }
  }

  /** Drops what has expired, wherever it stands, so that the counts are exact. */
  sweep(monoMs: number): void {
    if (!this.#anyExpires) return;
    for (const copy of this.listReady()) if (copy.isExpired(monoMs)) this.#drop(copy, 'ready');
    for (const copy of this.listDelayed()) if (copy.isExpired(monoMs)) this.#drop(copy, 'delayed');
  }

  remove(copy: Copy, from: 'ready' | 'delayed'): void {
    copy.removed = true;
    if (from === 'ready') this.#ready--;
    else this.#delayed--;
  }

  #drop(copy: Copy, from: 'ready' | 'delayed'): void {
    this.remove(copy, from);
    this.dropped(copy);
  }

  /** Takes out all copies with a key, oldest first. */
  takeKeyed(): readonly Copy[] {
    const ready = this.#take([...this.listReady()], 'ready');
    return [...ready, ...this.#take([...this.listDelayed()], 'delayed')].toSorted((a, b) => a.seq - b.seq);
  }

  #take(copies: readonly Copy[], from: 'ready' | 'delayed'): readonly Copy[] {
    const keyed = copies.filter(({ message }) => message.key !== undefined);
    for (const copy of keyed) this.remove(copy, from);
    return keyed.map((copy) => copy.moved());
  }

  /** In the order they would be handed out. */
  *listReady(): Generator<Copy> {
    if (this.#urgent !== undefined) yield* this.#urgent;
    yield* this.#plain;
  }

  /** The one that has been ready for longest, whatever its priority. */
  oldestReady(): Copy | undefined {
    let oldest = first(this.#plain);
    for (const line of this.#urgent?.lines() ?? []) {
      const copy = first(line);
      if (copy !== undefined && (oldest === undefined || copy.place < oldest.place)) oldest = copy;
    }
    return oldest;
  }

  /** In the order they become due. */
  *listDelayed(): Generator<Copy> {
    for (const copy of this.#later) if (!copy.removed) yield copy;
  }

  #lineOf({ message: { priority } }: Copy): Line {
    return priority === undefined || priority === 0
      ? this.#plain
      : (this.#urgent ??= new UrgentLines()).of(priority);
  }

  #noteExpiry(copy: Copy): void {
    if (copy.expiresAt !== undefined) this.#anyExpires = true;
  }
}

function first(line: Line): Copy | undefined {
  const [copy] = line;
  return copy;
}
