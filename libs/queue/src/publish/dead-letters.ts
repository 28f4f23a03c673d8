import type { Backend } from '../backend/backend.js';
import type { Peeked } from '../backend/inspect.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { withHeaders } from '../message/headers.js';
import { QueueError } from '../message/queue-error.js';

/** How often a message came back from the dead letters. */
export const REPLAY_COUNT_HEADER = 'pp-replay-count';

export class NoSuchDeadLetterError extends QueueError {
  readonly code = 'no_such_dead_letter';
}

export interface BrowsePage {
  /** Default 100. */
  readonly limit?: number;
  /** `ref` of the last one seen. */
  readonly after?: string;
  /** Only dead letters of this message. */
  readonly id?: string;
}

/** The dead letters of one subscription. */
export class DeadLetters {
  constructor(
    private readonly backend: Backend,
    private readonly subscription: string,
  ) {}

  /** Oldest first. Changes nothing. */
  async browse(page: BrowsePage = {}): Promise<readonly Peeked[]> {
    const found: Peeked[] = [];
    const { limit = 100, after, id } = page;
    const query = { kind: 'browse', subscription: this.subscription, state: 'dead', limit } as const;
    const rest = { ...(after !== undefined && { after }), ...(id !== undefined && { id }) };
    for await (const item of this.backend.inspect({ ...query, ...rest })) {
      if (item.kind === 'message') found.push(item);
    }
    return found;
  }

  /**
   * Sends every dead letter of this message back to its subscription, and to no other one, with a new count of
   * attempts and its bytes unchanged; answers how many. The dead letter is removed after the copy was confirmed, so a
   * crash in between can leave both, and never neither. Throws NoSuchDeadLetterError.
   */
  async replay(id: string): Promise<number> {
    const found = await this.browse({ id, limit: Number.MAX_SAFE_INTEGER });
    if (found.length === 0) {
      throw new NoSuchDeadLetterError(
        `subscription "${this.subscription}" has no dead letter of message "${id}"`,
      );
    }
    for (const letter of found) await this.#replayOne(letter);
    return found.length;
  }

  async #replayOne(letter: Peeked): Promise<void> {
    const count = replaysOf(letter) + 1;
    const [result] = await this.backend.publish([
      {
        topic: letter.topic,
        to: this.subscription,
        id: letter.id,
        key: letter.key,
        body: letter.body,
        headers: withHeaders(letter.headers, { [REPLAY_COUNT_HEADER]: String(count) }),
        delayMs: undefined,
        ttlMs: undefined,
        priority: letter.priority,
        event: undefined,
      },
    ]);
    if (result?.status !== 'stored') {
      throw (
        result?.error ??
        new BackendUnavailableError(this.backend.name, 'replay a dead letter', 'no answer came')
      );
    }
    await this.#purge(letter.ref);
  }

  /** Removes for ever: one dead letter by its `ref`, or all. Answers how many. */
  async purge(ref?: string): Promise<number> {
    return this.#purge(ref);
  }

  async #purge(ref: string | undefined): Promise<number> {
    let count = 0;
    const query = { kind: 'purge', subscription: this.subscription, state: 'dead' } as const;
    for await (const item of this.backend.inspect(ref === undefined ? query : { ...query, ref })) {
      if (item.kind === 'purged') count += item.count;
    }
    return count;
  }
}

/** Whoever publishes past this library can write anything there. */
function replaysOf(letter: Peeked): number {
  const count = letter.headers[REPLAY_COUNT_HEADER];
  return count !== undefined && /^\d{1,9}$/.test(count) ? Number(count) : 0;
}
