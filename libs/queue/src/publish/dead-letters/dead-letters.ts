import type { Ambient } from '../../ambient/ambient.js';
import type { Backend } from '../../backend/backend.js';
import type { Peeked } from '../../backend/inspect.js';
import type { QueueError } from '../../message/queue-error.js';
import { ConfirmedPublish } from '../../relay/confirmed-publish.js';
import type { DeadLetterFilter } from './dead-letter-filter.js';
import { DeadLetterShelf } from './dead-letter-shelf.js';
import { NoSuchDeadLetterError, QuarantinedError, ReplayStoppedError } from './dead-letters.errors.js';
import { edited, type DeadLetterEdit } from './edit.js';
import { lineageOf } from './lineage.js';
import { DEFAULT_MAX_REPLAYS, replay, type ReplayOptions, type ReplayReport } from './replay.js';

export interface BrowsePage extends DeadLetterFilter {
  /** Default 100. */
  readonly limit?: number;
  /** `ref` of the last one seen, which may be gone by now. */
  readonly after?: string;
}

const EDIT_TIMEOUT_MS = 30_000;
/** Failures in a row after which a replay of many ends: with the pauses in between, about half a minute. */
const PATIENCE = 9;

/** The dead letters of one subscription. */
export class DeadLetters {
  readonly #shelf: DeadLetterShelf;
  readonly #ambient: Ambient;

  constructor(backend: Backend, subscription: string, ambient: Ambient) {
    this.#shelf = new DeadLetterShelf(backend, subscription);
    this.#ambient = ambient;
  }

  /** Oldest first. Changes nothing. */
  async browse({ limit = 100, after, ...filter }: BrowsePage = {}): Promise<readonly Peeked[]> {
    const found: Peeked[] = [];
    if (limit <= 0) return found;
    for await (const letter of this.#shelf.letters(filter, after)) {
      if (found.push(letter) >= limit) break;
    }
    return found;
  }

  /** The oldest one of this message; undefined: there is none. */
  async get(id: string): Promise<Peeked | undefined> {
    const [letter] = await this.browse({ id, limit: 1 });
    return letter;
  }

  /**
   * Sends every dead letter of this message back to its subscription, and to no other one, with a new count of
   * attempts and its bytes unchanged; answers how many. The dead letter is removed after the copy was confirmed, so a
   * crash in between can leave both, and never neither; one that holds its key comes back in one step, in its old
   * place. Throws NoSuchDeadLetterError, QuarantinedError, or what the
   * backend says.
   */
  async replay(id: string, { force = false }: Pick<ReplayOptions, 'force'> = {}): Promise<number> {
    const letter = await this.get(id);
    if (letter === undefined) throw this.#noSuch(id);
    const call = { shelf: this.#shelf, ambient: this.#ambient, filter: { id }, force };
    const report = await replay({ ...call, rate: Infinity, giveUpAfter: 1 }).catch(throwCause);
    if (report.refused > 0) throw report.lastError as QueueError;
    if (report.replayed > 0) return report.replayed;
    const replays = Math.max(DEFAULT_MAX_REPLAYS, lineageOf(letter).replays);
    throw new QuarantinedError(this.#shelf.subscription, id, replays);
  }

  /**
   * The same for all that the filter is true of, at a rate of 50 per second unless said otherwise. What is in quarantine
   * is counted and stays. Can be stopped, or killed, at any moment: the same call goes on with what is left. Throws
   * ReplayStoppedError when the backend fails for about half a minute.
   */
  replayAll(filter: DeadLetterFilter = {}, options: ReplayOptions = {}): Promise<ReplayReport> {
    const call = { shelf: this.#shelf, ambient: this.#ambient, filter, giveUpAfter: PATIENCE };
    return replay({ ...options, ...call });
  }

  /**
   * Sends a changed copy of this letter to its subscription, as a message of its own with a new id that remembers where
   * it comes from and who edited it; then removes the letter. A crash in between leaves both. Answers the new id.
   * Throws NoSuchDeadLetterError when the letter is gone, InvalidEditError, or what the backend says.
   */
  async edit(letter: Peeked, edit: DeadLetterEdit): Promise<string> {
    const { ids, clock } = this.#ambient;
    const at = clock.now();
    const message = edited(letter, edit, { id: ids.next(at), at });
    const present = await this.browse({ id: letter.id, where: ({ ref }) => ref === letter.ref });
    if (present.length === 0) throw this.#noSuch(letter.id);
    const publish = new ConfirmedPublish(this.#shelf.backend, clock);
    const [result] = await publish.publish([message], EDIT_TIMEOUT_MS);
    if (result?.status !== 'stored') throw result?.error ?? this.#noSuch(letter.id);
    await this.#shelf.purge(letter.ref);
    return message.id;
  }

  /** Removes for ever: one dead letter by its `ref`, or all. Answers how many. */
  purge(ref?: string): Promise<number> {
    return this.#shelf.purge(ref);
  }

  #noSuch(id: string): NoSuchDeadLetterError {
    return new NoSuchDeadLetterError(
      `subscription "${this.#shelf.subscription}" has no dead letter of message "${id}"`,
    );
  }
}

/** Who asks for one message wants to know what happened to it. */
function throwCause(error: unknown): never {
  throw error instanceof ReplayStoppedError ? error.cause : error;
}
