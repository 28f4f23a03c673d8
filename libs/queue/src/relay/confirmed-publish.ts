import type { Clock } from '../ambient/clock.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import { PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import { QueueError } from '../message/queue-error.js';

/** What a relay needs of the backend it publishes to. */
export type RelayTarget = Pick<Backend, 'name' | 'publish' | 'capabilities'>;

/** Publishes any number of messages, and has a result for each of them in time. Never rejects. */
export class ConfirmedPublish {
  constructor(
    private readonly target: RelayTarget,
    private readonly clock: Clock,
  ) {}

  /** What has no result after `timeoutMs` is `unknown`. One result per message, in order. */
  async publish(messages: readonly Outgoing[], timeoutMs: number): Promise<readonly PublishResult[]> {
    const endsAt = this.clock.mono() + timeoutMs;
    const size = this.target.capabilities.batch.publish;
    const results: PublishResult[] = [];
    for (let at = 0; at < messages.length; at += size) {
      results.push(...(await this.#call(messages.slice(at, at + size), endsAt - this.clock.mono())));
    }
    return results;
  }

  async #call(batch: readonly Outgoing[], leftMs: number): Promise<readonly PublishResult[]> {
    const answer = leftMs > 0 ? await this.#answer(batch, leftMs) : this.#unknown('left no time for it');
    return batch.map((_, at) => {
      if (answer instanceof QueueError) return { status: 'unknown', error: answer };
      return answer[at] ?? { status: 'unknown', error: this.#unknown('gave no answer') };
    });
  }

  /** Whichever comes first: the answer, or the end of the time. */
  #answer(batch: readonly Outgoing[], leftMs: number): Promise<readonly PublishResult[] | QueueError> {
    const gaveUp = new AbortController();
    return new Promise((resolve) => {
      const cancel = this.clock.timer(leftMs, () => {
        gaveUp.abort();
        resolve(this.#unknown(`did not confirm within ${Math.round(leftMs)} ms`));
      });
      void this.#attempt(batch, gaveUp.signal).then((answer) => {
        cancel();
        resolve(answer);
      });
    });
  }

  async #attempt(
    batch: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<readonly PublishResult[] | QueueError> {
    try {
      return await this.target.publish(batch, { signal });
    } catch (cause) {
      return cause instanceof QueueError ? cause : this.#unknown('failed in an unexpected way', { cause });
    }
  }

  #unknown(what: string, options?: { cause: unknown }): PublishOutcomeUnknownError {
    return new PublishOutcomeUnknownError(
      `backend "${this.target.name}" ${what}: the message may or may not be stored`,
      options,
    );
  }
}
