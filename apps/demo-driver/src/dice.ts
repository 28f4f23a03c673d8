import { seededRandom, type Random } from '@pigeonpost/queue';

/** Seeded chance: the same seed gives the same demo on every machine. */
export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  /** True in `percent` of 100 rolls. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** Looks like those of GitHub. */
  guid(): string {
    const hex = Array.from({ length: 32 }, () => this.below(16).toString(16)).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.#random.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}
