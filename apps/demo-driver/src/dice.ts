import { createHash } from 'node:crypto';

/** Seeded chance: the same seed gives the same demo on every machine. */
export class Dice {
  #rolls = 0;

  constructor(private readonly seed: number) {}

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return this.#digest().readUInt32BE(0) % limit;
  }

  /** True in `percent` of 100 rolls. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  guid(): string {
    const hex = this.#digest().toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.#digest().readUIntBE(0, 6) }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }

  #digest(): Buffer {
    return createHash('sha256').update(`${this.seed}/${this.#rolls++}`).digest();
  }
}
