/** Counts things by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  static of(names: Iterable<string>): Tally {
    const tally = new Tally();
    for (const name of names) tally.add(name);
    return tally;
  }

  add(name: string, count = 1): void {
    this.#counts.set(name, this.get(name) + count);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  has(name: string): boolean {
    return this.get(name) > 0;
  }

  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What stands here more often than there, with the surplus. */
  beyond(other: Tally): Tally {
    const surplus = new Tally();
    for (const [name, count] of this.#counts) {
      const more = count - other.get(name);
      if (more > 0) surplus.add(name, more);
    }
    return surplus;
  }
}
