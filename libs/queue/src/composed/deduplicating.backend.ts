import type { Backend, PublishCall, PublishResult } from '../backend/backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import type { Store } from '../store/store.js';
import { DedupClaims, type Claimed } from './dedup-claims.js';

/** What becomes of a publish that asks for deduplication while the store does not answer. */
export type OnStoreError =
  /** It is refused, and can be tried again: nothing is stored twice, and nothing is stored. */
  | 'reject'
  /** It is published unchecked: nothing is missing, and a repeat is stored again. */
  | 'publish';

export interface DeduplicatingOptions {
  readonly store: Store;
  readonly onStoreError: OnStoreError;
}

/**
 * Deduplication for a backend without it: the key of a message is claimed in a store before it is published, and
 * confirmed after. A process that dies in between leaves a claim that ends by itself; the message may then be stored
 * and published again. The capabilities stay those of the backend below, so that the plan says `composed`.
 */
export class DeduplicatingBackend extends ForwardingBackend {
  readonly #claims: DedupClaims;
  readonly #onStoreError: OnStoreError;

  constructor(inner: Backend, { store, onStoreError }: DeduplicatingOptions) {
    super(inner);
    this.#claims = new DedupClaims(store);
    this.#onStoreError = onStoreError;
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    if (!batch.some(asksForDedup)) return this.inner.publish(batch.map(without), call);
    const decisions = await this.#decide(batch);
    const going = batch.filter((_, at) => decisions[at]?.kind === 'go');
    const answers = (await this.#publish(going, decisions, call)).values();
    const results: PublishResult[] = [];
    for (const decision of decisions) results.push(answerOf(decision, answers, results));
    return results;
  }

  /** One decision per message; a message that repeats an earlier one of the batch shares its fate. */
  #decide(batch: readonly Outgoing[]): Promise<readonly Decision[]> {
    const firsts = new Map<string, number>();
    return Promise.all(
      batch.map(async (message, at): Promise<Decision> => {
        if (!asksForDedup(message)) return { kind: 'go', claim: undefined };
        const key = DedupClaims.keyOf(message);
        const first = firsts.get(key);
        if (first !== undefined) return { kind: 'as', first };
        firsts.set(key, at);
        return this.#claim(message);
      }),
    );
  }

  async #claim(message: Outgoing): Promise<Decision> {
    try {
      const claim = await this.#claims.claim(message);
      if (claim === 'stored before') return { kind: 'end', result: DUPLICATE };
      if (claim !== 'under way') return { kind: 'go', claim };
      return { kind: 'end', result: this.#refusal('another publish of the same message is under way') };
    } catch (cause) {
      if (this.#onStoreError === 'publish') return { kind: 'go', claim: undefined };
      return {
        kind: 'end',
        result: this.#refusal('the store that recognises repeats does not answer', cause),
      };
    }
  }

  async #publish(
    going: readonly Outgoing[],
    decisions: readonly Decision[],
    call: PublishCall | undefined,
  ): Promise<readonly PublishResult[]> {
    if (going.length === 0) return [];
    const claims = decisions.flatMap((decision) => (decision.kind === 'go' ? [decision.claim] : []));
    try {
      const results = await this.inner.publish(going.map(without), call);
      await this.#claims.end(
        claims.map((claim, at) => ({ claim, isStored: results[at]?.status === 'stored' })),
      );
      return results;
    } catch (error) {
      await this.#claims.end(claims.map((claim) => ({ claim, isStored: false })));
      throw error;
    }
  }

  #refusal(why: string, cause?: unknown): PublishResult {
    const error: QueueError = new BackendUnavailableError(this.name, 'publish', why, { cause });
    return { status: 'refused', error };
  }
}

type Decision =
  | { readonly kind: 'go'; readonly claim: Claimed | undefined }
  | { readonly kind: 'end'; readonly result: PublishResult }
  | { readonly kind: 'as'; readonly first: number };

const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });

function answerOf(
  decision: Decision,
  answers: Iterator<PublishResult>,
  earlier: readonly PublishResult[],
): PublishResult {
  switch (decision.kind) {
    case 'go':
      return answers.next().value as PublishResult;
    case 'end':
      return decision.result;
    case 'as': {
      const first = earlier[decision.first] as PublishResult;
      return first.status === 'stored' ? DUPLICATE : first;
    }
  }
}

function asksForDedup({ dedup, to }: Outgoing): boolean {
  return dedup !== undefined && to === undefined;
}

/** The backend below would refuse what it cannot do. */
function without(message: Outgoing): Outgoing {
  return message.dedup === undefined ? message : { ...message, body: message.body, dedup: undefined };
}
