import type { Random } from './random.js';

/** Mints message ids. */
export interface Ids {
  /** A new id: 1 to 128 characters of `A-Z a-z 0-9 . _ : -`. `nowMs` is the wall clock, for ids that sort by time. */
  next(nowMs: number): string;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const COUNTER_LIMIT = 0x1000000;

/**
 * UUID version 7 (RFC 9562): time-ordered, so ids sort by creation and indexes stay compact. Between two
 * milliseconds only a 24-bit counter at the end moves, which keeps minting cheap; the 50 bits before it are
 * drawn anew with each prefix.
 */
export class UuidV7Ids implements Ids {
  #prefix = '';
  #prefixMs = -1;
  #counter = 0;

  constructor(private readonly random: Random) {}

  next(nowMs: number): string {
    if (nowMs !== this.#prefixMs || this.#counter === COUNTER_LIMIT) this.#renew(nowMs);
    const count = this.#counter++;
    return this.#prefix + HEX[count >>> 16] + HEX[(count >>> 8) & 0xff] + HEX[count & 0xff];
  }

  #renew(nowMs: number): void {
    const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0');
    const high = (0x7000 | this.#bits(12)).toString(16);
    const low = (0x8000 | this.#bits(14)).toString(16);
    const node = this.#bits(24).toString(16).padStart(6, '0');
    this.#prefix = `${time.slice(0, 8)}-${time.slice(8)}-${high}-${low}-${node}`;
    this.#prefixMs = nowMs;
    this.#counter = 0;
  }

  #bits(count: number): number {
    return Math.floor(this.random.next() * 2 ** count);
  }
}
