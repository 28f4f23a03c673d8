import type { Backend } from '../../backend/backend.js';
import type { Peeked } from '../../backend/inspect.js';
import type { Outgoing } from '../../message/outgoing.js';
import { matches, type DeadLetterFilter } from './dead-letter-filter.js';

const PAGE = 200;

/** Where the dead letters of one subscription lie: looks and removes. */
export class DeadLetterShelf {
  constructor(
    readonly backend: Backend,
    readonly subscription: string,
  ) {}

  /** Oldest first, page by page; `after` is the ref of one seen before, which may be gone by now. */
  async *letters(filter: DeadLetterFilter, after?: string): AsyncGenerator<Peeked> {
    for (let from = after; ;) {
      const page = await this.#page(filter, from);
      for (const letter of page) if (matches(letter, filter)) yield letter;
      if (page.length < PAGE) return;
      from = page.at(-1)?.ref;
    }
  }

  /** Puts a letter that holds its key back into its old place. One that somebody else was faster with is left alone. */
  async revive(ref: string, message: Outgoing): Promise<void> {
    const { headers } = message;
    const query = { kind: 'revive', subscription: this.subscription, ref, headers, message } as const;
    for await (const item of this.backend.inspect(query)) if (item.kind === 'revived') return;
  }

  /** Answers how many. */
  async purge(ref: string | undefined): Promise<number> {
    let count = 0;
    const query = { kind: 'purge', subscription: this.subscription, state: 'dead' } as const;
    for await (const item of this.backend.inspect(ref === undefined ? query : { ...query, ref })) {
      if (item.kind === 'purged') count += item.count;
    }
    return count;
  }

  async #page({ id }: DeadLetterFilter, after: string | undefined): Promise<readonly Peeked[]> {
    const found: Peeked[] = [];
    const query = { kind: 'browse', subscription: this.subscription, state: 'dead', limit: PAGE } as const;
    const rest = { ...(after !== undefined && { after }), ...(id !== undefined && { id }) };
    for await (const item of this.backend.inspect({ ...query, ...rest })) {
      if (item.kind === 'message') found.push(item);
    }
    return found;
  }
}
