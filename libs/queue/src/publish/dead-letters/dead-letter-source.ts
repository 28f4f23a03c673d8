import type { Peeked } from '../../backend/inspect.js';
import { withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { RelayItem, RelayResult, RelaySource } from '../../relay/relay-source.js';
import type { DeadLetterFilter } from './dead-letter-filter.js';
import type { DeadLetterShelf } from './dead-letter-shelf.js';
import { lineageOf, replayHeaders } from './lineage.js';

export interface LetterItem extends RelayItem {
  readonly letter: Peeked;
}

export interface LetterSourceOptions {
  readonly shelf: DeadLetterShelf;
  readonly filter: DeadLetterFilter;
  /** Letters that came back so often stay where they are. */
  readonly maxReplays: number;
}

/**
 * Dead letters on their way back, each gone from the dead when its copy was confirmed. A kill in between leaves both,
 * and a new source offers the letter again. One that held its key is gone from the dead when it is back in its place: its
 * ref may be that of a new death by then.
 */
export class DeadLetterSource implements RelaySource<LetterItem> {
  readonly name: string;
  /** Letters that were not offered, because they came back too often. */
  quarantined = 0;
  readonly #options: LetterSourceOptions;
  #letters: AsyncGenerator<Peeked> | undefined;
  #seen: string | undefined;
  /** To be taken next. What failed or was held comes first, so that a key stays in order. */
  readonly #offers: LetterItem[] = [];
  /** Moved, and not gone from the dead yet. */
  readonly #moved: string[] = [];
  readonly #holders = new WeakMap<Outgoing, string>();

  constructor(options: LetterSourceOptions) {
    this.#options = options;
    this.name = `dead letters of subscription "${options.shelf.subscription}"`;
  }

  async take(max: number): Promise<readonly LetterItem[] | undefined> {
    await this.#purgeMoved();
    while (this.#offers.length < max) {
      const letter = await this.#next();
      if (letter === undefined) break;
      if (lineageOf(letter).replays >= this.#options.maxReplays) this.quarantined++;
      else this.#offers.push(this.#offer(letter));
    }
    return this.#offers.length > 0 ? this.#offers.splice(0, max) : undefined;
  }

  async done(results: readonly RelayResult<LetterItem>[]): Promise<void> {
    const returning = results.filter(({ outcome }) => outcome.kind === 'failed' || outcome.kind === 'held');
    this.#offers.unshift(...returning.map(({ item }) => item));
    const moved = results.filter(({ outcome }) => outcome.kind === 'moved');
    const copied = moved.filter(({ item }) => this.holderOf(item.message) === undefined);
    this.#moved.push(...copied.map(({ item }) => item.letter.ref));
    await this.#purgeMoved();
  }

  /** See ReplayTarget. */
  holderOf(message: Outgoing): string | undefined {
    return this.#holders.get(message);
  }

  #offer(letter: Peeked): LetterItem {
    const message = replayed(letter);
    if (letter.holdsKey === true) this.#holders.set(message, letter.ref);
    return { letter, message };
  }

  /** A page that cannot be read is read again at the next call, from where it was. */
  async #next(): Promise<Peeked | undefined> {
    const { shelf, filter } = this.#options;
    this.#letters ??= shelf.letters(filter, this.#seen);
    try {
      const { value, done } = await this.#letters.next();
      if (done === true) return undefined;
      this.#seen = value.ref;
      return value;
    } catch (error) {
      this.#letters = undefined;
      throw error;
    }
  }

  async #purgeMoved(): Promise<void> {
    for (let ref = this.#moved[0]; ref !== undefined; ref = this.#moved[0]) {
      await this.#options.shelf.purge(ref);
      this.#moved.shift();
    }
  }
}

/** To its own subscription and no other, with its bytes unchanged and a new count of attempts. */
export function replayed(letter: Peeked): Outgoing {
  const { topic, subscription, id, key, body, priority } = letter;
  const headers = withHeaders(letter.headers, replayHeaders(letter));
  const none = { delayMs: undefined, ttlMs: undefined, event: undefined };
  return { topic, to: subscription, id, key, body, headers, ...none, priority: priority || undefined };
}
