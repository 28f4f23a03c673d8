import { createHash } from 'node:crypto';
import { type Clock, sleep } from '../ambient/clock.js';
import type { DomainEvent } from '../message/event.js';
import { checkJson, SerializeError } from '../message/json.js';
import { InvalidNameError } from '../message/names.js';
import { ACK, failed, type Outcome } from '../message/outcome.js';
import type { IdempotencyPolicy } from '../policies/idempotency.policy.js';
import type { Store, StoreEntry, StoreOp } from '../store/store.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** What stands under a key: nothing, the copy that is handling it, or that it was handled and with which result. */
type Mark =
  | { readonly state: 'claimed'; readonly by: string | undefined; readonly attempt: number }
  /** `kept` where the result was: without a value, the handler returned nothing. */
  | { readonly state: 'done'; readonly kept?: true; readonly result?: unknown };

const DONE: Mark = { state: 'done' };

/** How long a note is tried again while the store does not answer: an effect that nobody knows of would happen twice. */
const PATIENCE_MS = 20_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export interface IdempotencyParts {
  readonly store: Store;
  readonly clock: Clock;
  /** No copy has its message for longer. */
  readonly claimTtlMs: number;
}

/**
 * Claims the key before the handler and notes it as done before the message is settled. A key that is done is
 * accepted unhandled; a key that another copy is handling sends this one back for a while. A claim whose own copy
 * comes again is taken over: its delivery is fenced by the broker, so whoever made the claim has lost it. A delivery
 * that comes late itself, with fewer attempts than the claim, is the one that has lost it.
 */
export class IdempotencyStation implements Station {
  readonly name = 'idempotency';

  constructor(
    private readonly policy: IdempotencyPolicy,
    private readonly parts: IdempotencyParts,
  ) {}

  async enter(handling: Handling): Promise<Outcome | undefined> {
    if (handling.event === undefined) return undefined;
    const named = this.#name(handling.event);
    if (typeof named !== 'string') return named;
    const key = idempotencyStoreKey(handling.subscription, named);
    const standing = await this.#claim(handling, key, 'absent');
    if (standing === undefined) return undefined;
    const mark = readMark(standing);
    if (mark.state === 'done') return handledBefore(handling, mark);
    if (isOurs(mark, handling)) {
      if ((await this.#claim(handling, key, standing.version)) === undefined) return undefined;
    }
    return { kind: 'release', delayMs: this.policy.busyDelayMs };
  }

  /** The application's own function: what it throws is a failure of the attempt. */
  #name(event: DomainEvent): string | Outcome {
    try {
      const named: unknown = this.policy.key(event);
      // Taken for a key, a missing one would make all messages without it one intent, and skip all but the first.
      return typeof named === 'string' && named !== '' ? named : failed(noKey(named));
    } catch (error) {
      return failed(error);
    }
  }

  /** undefined when the claim is ours now; otherwise what stands in its way. */
  async #claim(
    handling: Handling,
    key: string,
    condition: 'absent' | number,
  ): Promise<StoreEntry | undefined> {
    const claimed: Mark = { state: 'claimed', by: handling.delivery.ref, attempt: handling.attempt };
    const { store, claimTtlMs: ttlMs } = this.parts;
    const written = await store.write([
      { op: 'put', key, value: JSON.stringify(claimed), if: condition, ttlMs },
    ]);
    if (!written.ok)
      return written.conflicts[0]?.entry ?? { key, value: '{}', version: 0, expiresAt: undefined };
    handling.claim = { key, version: written.versions[0] as number };
    return undefined;
  }

  async exit(handling: Handling, outcome: Outcome): Promise<Outcome> {
    const { claim } = handling;
    if (claim === undefined) return outcome;
    handling.claim = undefined;
    const { key, version } = claim;
    if (outcome.kind !== 'ack') await this.#persist(handling, { op: 'delete', key, if: version });
    else if (this.policy.keepsResult) await this.#noteWithResult(claim, handling);
    else await this.#note(claim, DONE, handling);
    return outcome;
  }

  /** A result that cannot be kept is reported, and the intent is done all the same: its effect has happened. */
  async #noteWithResult(claim: Claim, handling: Handling): Promise<void> {
    const mark = markOf(handling.result);
    await this.#note(claim, mark instanceof SerializeError ? DONE : mark, handling);
    if (mark instanceof SerializeError) throw mark;
  }

  #note({ key, version }: Claim, mark: Mark, handling: Handling): Promise<void> {
    const { ttlMs } = this.policy;
    return this.#persist(handling, { op: 'put', key, value: JSON.stringify(mark), if: version, ttlMs });
  }

  /** Until it is written, or the handling is over by other means. What was written unseen is not written again. */
  async #persist(handling: Handling, op: StoreOp): Promise<void> {
    const { store, clock } = this.parts;
    const giveUpAt = clock.mono() + PATIENCE_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        await store.write([op]);
        return;
      } catch (error) {
        if (handling.abortReason !== undefined || clock.mono() + pauseMs > giveUpAt) throw error;
      }
      await sleep(clock, pauseMs, handling.signal);
    }
  }
}

type Claim = NonNullable<Handling['claim']>;

/** A request that comes again is answered as the first one was, where its result was kept. */
function handledBefore(handling: Handling, { kept, result }: Mark & { state: 'done' }): Outcome {
  if (kept === true) handling.result = result;
  return ACK;
}

function markOf(result: unknown): Mark | SerializeError {
  try {
    if (result !== undefined) checkJson(result);
    return { state: 'done', kept: true, result };
  } catch (error) {
    if (error instanceof SerializeError) return error;
    throw error;
  }
}

function noKey(named: unknown): InvalidNameError {
  return new InvalidNameError('the idempotency key', named, 'it must be a text that names the intent');
}

/** Where a key is remembered. Hashed, so that a key of any length and any characters is one key of the store. */
export function idempotencyStoreKey(subscription: string, key: string): string {
  return `idempotency/${subscription}/${createHash('sha256').update(key).digest('base64url')}`;
}

function isOurs({ by, attempt }: Mark & { state: 'claimed' }, handling: Handling): boolean {
  return by !== undefined && by === handling.delivery.ref && attempt <= handling.attempt;
}

function readMark(entry: StoreEntry): Mark {
  const value = JSON.parse(entry.value) as Mark | { state?: undefined; by?: string; attempt?: number };
  return value.state === 'done' ? value : { state: 'claimed', by: value.by, attempt: value.attempt ?? 0 };
}
