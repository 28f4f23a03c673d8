import { type Clock, sleep } from '../ambient/clock.js';
import type { Backend } from './backend.js';
import type { Depth } from './inspect.js';

const FRESH_MS = 2_000;
/** How long one reader waits for new counts before he gets the old ones. */
const READER_MS = 2_000;
/** After this long a question without an answer does not keep the next one from being asked. */
const GIVE_UP_MS = 15_000;

export interface Counted {
  readonly depth: Depth;
  /** Wall clock, ms since the epoch. */
  readonly countedAt: number;
}

/**
 * What lies where, for whoever asks often: health checks and watchdogs. One question at a time and no two for the same
 * subscription within 2 s, so that nobody loads the broker by looking; a broker that is down is not asked.
 */
export class DepthProbe {
  readonly #backend: Pick<Backend, 'inspect' | 'status' | 'capabilities'>;
  readonly #clock: Clock;
  readonly #known = new Map<string, Counted>();
  readonly #asked = new Map<string, Promise<void>>();
  #line: Promise<void> = Promise.resolve();
  readonly #waits = new Set<AbortController>();
  #closed = false;

  readonly #freshMs: number;

  constructor(
    backend: Pick<Backend, 'inspect' | 'status' | 'capabilities'>,
    clock: Clock,
    /** Counts younger than this are not asked for again. */
    freshMs = FRESH_MS,
  ) {
    this.#backend = backend;
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /** The newest counts there are, within 2 s; undefined: there never were any. Never rejects. */
  async read(subscription: string): Promise<Counted | undefined> {
    if (!this.#isFresh(subscription) && this.#answers()) await this.#within(this.#ask(subscription));
    return this.#known.get(subscription);
  }

  /** As they are now; undefined: the broker did not answer. Never rejects. */
  async readNow(subscription: string): Promise<Depth | undefined> {
    const from = this.#clock.now() - this.#freshMs;
    const { depth, countedAt = -Infinity } = (await this.read(subscription)) ?? {};
    return countedAt >= from ? depth : undefined;
  }

  /** Nobody is asked any more, and nobody waits any more. */
  close(): void {
    this.#closed = true;
    for (const wait of this.#waits) wait.abort();
  }

  #answers(): boolean {
    if (this.#closed) return false;
    return this.#backend.status().state !== 'down' && this.#backend.capabilities.depth !== 'none';
  }

  #isFresh(subscription: string): boolean {
    const { countedAt = -Infinity } = this.#known.get(subscription) ?? {};
    const ageMs = this.#clock.now() - countedAt;
    return ageMs >= 0 && ageMs < this.#freshMs; // the wall clock can be set back
  }

  #ask(subscription: string): Promise<void> {
    let asked = this.#asked.get(subscription);
    if (asked === undefined) {
      asked = this.#inTurn(subscription).finally(() => this.#asked.delete(subscription));
      this.#asked.set(subscription, asked);
    }
    return asked;
  }

  #inTurn(subscription: string): Promise<void> {
    const asked = this.#line.then(() => this.#within(this.#count(subscription), GIVE_UP_MS));
    this.#line = asked;
    return asked;
  }

  /** A broker that does not answer says so in its status; here the old counts stay. */
  async #count(subscription: string): Promise<void> {
    try {
      for await (const item of this.#backend.inspect({ kind: 'depth', subscription })) {
        if (item.kind === 'depth')
          this.#known.set(subscription, { depth: item, countedAt: this.#clock.now() });
      }
    } catch {
      return;
    }
  }

  async #within(work: Promise<void>, ms = READER_MS): Promise<void> {
    const over = new AbortController();
    if (this.#closed) over.abort();
    this.#waits.add(over);
    await Promise.race([work.then(() => over.abort()), sleep(this.#clock, ms, over.signal)]);
    this.#waits.delete(over);
  }
}
