import type { PublishCall, PublishResult } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { BrokenMessageError } from '../../composed/transformed.backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { RelayTarget } from '../../relay/confirmed-publish.js';
import type { DeadLetterShelf } from './dead-letter-shelf.js';

const REVIVED: PublishResult = Object.freeze({ status: 'stored', copies: 1 });

/** Takes replayed messages: that of a letter which holds its key comes back in its old place, all others anew. */
export class ReplayTarget implements RelayTarget {
  constructor(
    private readonly shelf: DeadLetterShelf,
    /** The ref of the letter that holds its key, of which this is the replay; undefined: it holds none. */
    private readonly holderOf: (message: Outgoing) => string | undefined,
  ) {}

  get name(): string {
    return this.shelf.backend.name;
  }

  get capabilities(): Capabilities {
    return this.shelf.backend.capabilities;
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const anew = batch.filter((message) => this.holderOf(message) === undefined);
    const published = anew.length === 0 ? [] : await this.shelf.backend.publish(anew, call);
    const answers = published.values();
    const results: PublishResult[] = [];
    for (const message of batch) {
      const ref = this.holderOf(message);
      results.push(
        ref === undefined ? (answers.next().value as PublishResult) : await this.#revive(ref, message),
      );
    }
    return results;
  }

  /** What nobody vouches for stays where it is. */
  async #revive(ref: string, message: Outgoing): Promise<PublishResult> {
    try {
      await this.shelf.revive(ref, message);
      return REVIVED;
    } catch (error) {
      if (error instanceof BrokenMessageError) return { status: 'refused', error };
      throw error;
    }
  }
}
