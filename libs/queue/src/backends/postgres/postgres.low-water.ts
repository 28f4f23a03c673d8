/** Before every message. */
const BEGINNING = '-infinity';
/** Claims of fewer messages do not leave enough behind to be worth it, and keep the order of what comes back exactly. */
const FEWEST = 64;
/** So many claims later it looks from the beginning again: what others gave back lies before the mark. */
const MOST_CLAIMS = 16;

/**
 * Where the claims of a receiver start to look. The index keeps an entry of each message that was claimed until the table
 * is vacuumed, and a claim from the beginning walks over all of them. While a backlog is worked off, each claim starts
 * where the one before it found its first message.
 */
export class LowWater {
  #from = BEGINNING;
  #left = 0;

  /** A timestamp, as the server writes it. */
  get from(): string {
    return this.#from;
  }

  get isAtBeginning(): boolean {
    return this.#from === BEGINNING;
  }

  /** Something came back that may lie before it, or nothing was found behind it. */
  reset(): void {
    this.#from = BEGINNING;
    this.#left = 0;
  }

  /** @param first when the oldest message that was claimed became ready; undefined: none was. */
  claimed(first: string | undefined, count: number, max: number): void {
    if (first === undefined || count < max || max < FEWEST) return this.reset();
    if (this.isAtBeginning) this.#left = MOST_CLAIMS;
    if (--this.#left <= 0) this.reset();
    else this.#from = first;
  }
}
