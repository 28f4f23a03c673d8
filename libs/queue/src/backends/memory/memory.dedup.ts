import type { Outgoing } from '../../message/outgoing.js';

/** How many old entries each new one looks at, to drop the expired: more than it adds, so they never pile up. */
const SWEPT_PER_ENTRY = 2;

/** The messages of late that asked to be stored once, and how long each of them is remembered. */
export class MemoryDedup {
  /** Monotonic ms until which a message is remembered, by topic and id. */
  readonly #until = new Map<string, number>();
  #sweep = this.#until.keys();

  /** Entries in memory, those included that expired and were not swept yet. */
  get size(): number {
    return this.#until.size;
  }

  knows(message: Outgoing, monoMs: number): boolean {
    if (this.#until.size === 0) return false;
    const until = this.#until.get(keyOf(message));
    return until !== undefined && until > monoMs;
  }

  remember(message: Outgoing, monoMs: number): void {
    this.#until.set(keyOf(message), monoMs + (message.dedup?.windowMs ?? 0));
    for (let looked = 0; looked < SWEPT_PER_ENTRY; looked++) this.#sweepOne(monoMs);
  }

  forget(message: Outgoing): void {
    this.#until.delete(keyOf(message));
  }

  #sweepOne(monoMs: number): void {
    const next = this.#sweep.next();
    if (next.done === true) this.#sweep = this.#until.keys();
    else if ((this.#until.get(next.value) ?? Infinity) <= monoMs) this.#until.delete(next.value);
  }
}

/** No name of a topic holds a line break. */
function keyOf({ topic, id, dedup }: Outgoing): string {
  return `${topic}\n${dedup?.id ?? id}`;
}
