/** Counts of ticks. Two to be quiet, two looks: at the fourth at the latest it is known. */
const QUIET_FROM = 2;
const LOOKS = 2;
const LONGEST_REST = 30;

/** How many ticks there are in the time within which a wedged receiver is found. */
export const TICKS_WITHIN = 4;

/**
 * Tells a receiver that is wedged from one that has nothing to do: it was asked all the time, brought nothing, and
 * messages were ready whenever somebody looked. Nobody looks while something comes, and only at every second tick
 * while nothing does.
 */
export class Silence {
  #heard = false;
  #quiet = 0;
  #found = 0;
  #rest = 0;
  #futile = 0;
  #wedged = false;

  /** `ready`: how many messages are ready now; undefined: nobody knows. */
  constructor(private readonly ready: () => Promise<number | undefined>) {}

  get isWedged(): boolean {
    return this.#wedged;
  }

  /** For how many ticks nothing has come although it was asked for. */
  get quiet(): number {
    return this.#quiet;
  }

  /** Something came. Called for every batch. */
  heard(): void {
    this.#heard = true;
    this.#wedged = false;
  }

  /** Whether the receiver must be replaced now. Replacing it in vain makes the next time come later. */
  async asked(): Promise<boolean> {
    if (this.#heard) this.rested();
    else this.#quiet++;
    if (this.#quiet < QUIET_FROM || (this.#found === 0 && this.#quiet % 2 > 0)) return false;
    if (this.#rest > 0) {
      this.#rest--;
      return false;
    }
    const ready = await this.ready();
    return !this.#heard && this.#judge(ready);
  }

  /** Nothing was asked for: there is nothing to judge. */
  rested(): void {
    if (this.#heard) this.#futile = 0;
    this.#heard = false;
    this.#quiet = this.#found = 0;
    this.#wedged = false;
  }

  #judge(ready: number | undefined): boolean {
    if (ready === 0) this.#wedged = false;
    this.#found = ready === undefined || ready === 0 ? 0 : this.#found + 1;
    if (this.#found < LOOKS) return false;
    this.#found = 0;
    this.#wedged = true;
    this.#rest = Math.min(LONGEST_REST, 2 * (2 ** this.#futile - 1));
    this.#futile++;
    return true;
  }
}
