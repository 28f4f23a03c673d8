import { createHash } from 'node:crypto';
import type { DomainEvent } from '../message/event.js';
import { InvalidNameError } from '../message/names.js';
import { ACK, failed, type Outcome } from '../message/outcome.js';
import type { IdempotencyPolicy } from '../policies/idempotency.policy.js';
import type { Store, StoreEntry } from '../store/store.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** What stands under a key: nothing, the copy that is handling it, or that it was handled. */
type Mark =
  | { readonly state: 'claimed'; readonly by: string | undefined; readonly attempt: number }
  | { readonly state: 'done' };

const DONE: Mark = { state: 'done' };

/**
 * Claims the key before the handler and notes it as done before the message is settled. A key that is done is
 * accepted unhandled; a key that another copy is handling sends this one back for a while. A claim whose own copy
 * comes again is taken over: its delivery is fenced by the broker, so whoever made the claim has lost it. A delivery
 * that comes late itself, with fewer attempts than the claim, is the one that has lost it.
 */
export class IdempotencyStation implements Station {
  readonly name = 'idempotency';

  constructor(
    private readonly store: Store,
    private readonly policy: IdempotencyPolicy,
    private readonly claimTtlMs: number,
  ) {}

  async enter(handling: Handling): Promise<Outcome | undefined> {
    if (handling.event === undefined) return undefined;
    const named = this.#name(handling.event);
    if (typeof named !== 'string') return named;
    const key = idempotencyStoreKey(handling.subscription, named);
    const standing = await this.#claim(handling, key, 'absent');
    if (standing === undefined) return undefined;
    const mark = readMark(standing);
    if (mark.state === 'done') return ACK;
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
    const written = await this.store.write([
      { op: 'put', key, value: JSON.stringify(claimed), if: condition, ttlMs: this.claimTtlMs },
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
    await this.store.write([
      outcome.kind === 'ack'
        ? {
            op: 'put',
            key: claim.key,
            value: JSON.stringify(DONE),
            if: claim.version,
            ttlMs: this.policy.ttlMs,
          }
        : { op: 'delete', key: claim.key, if: claim.version },
    ]);
    return outcome;
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
  const value = JSON.parse(entry.value) as Partial<{ state: string; by: string; attempt: number }>;
  return value.state === 'done' ? DONE : { state: 'claimed', by: value.by, attempt: value.attempt ?? 0 };
}
