import type { CutPlace } from './network-fault.js';

/** Looks for the place of a cut in what passes one way through one connection, also where a chunk ends in the middle of it. */
export class CutWatch {
  readonly #place: CutPlace;
  #passed = 0;
  #tail = Buffer.alloc(0);

  constructor(place: CutPlace) {
    this.#place = place;
  }

  /** How many of these bytes still pass before the cut; undefined: all, and the next ones may too. */
  lastBytes(bytes: Buffer): number | undefined {
    return 'before' in this.#place
      ? this.#match(bytes, this.#place.before)
      : this.#count(bytes, this.#place.afterBytes);
  }

  #count(bytes: Buffer, afterBytes: number): number | undefined {
    const left = afterBytes - this.#passed;
    this.#passed += bytes.length;
    return bytes.length >= left ? left : undefined;
  }

  #match(bytes: Buffer, wanted: string | Uint8Array): number | undefined {
    const seen = Buffer.concat([this.#tail, bytes]);
    const at = seen.indexOf(wanted);
    const kept = this.#tail.length;
    const length = typeof wanted === 'string' ? Buffer.byteLength(wanted) : wanted.length;
    this.#tail = Buffer.from(seen.subarray(Math.max(0, seen.length - length + 1)));
    return at < 0 ? undefined : Math.max(0, at - kept);
  }
}
