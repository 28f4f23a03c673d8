import type { Outgoing } from '../message/outgoing.js';
import type { Store, StoreOp } from '../store/store.js';

/** How long a claim stands by itself: longer than any publish takes. */
const CLAIM_MS = 60_000;
const UNDER_WAY = 'under way';
const STORED = 'stored';

/** The right to publish one message that asks to be stored once. */
export interface Claimed {
  readonly key: string;
  readonly version: number;
  readonly windowMs: number;
}

/** Who may publish a message that asks to be stored once, as keys in a store. Everything rejects when the store does. */
export class DedupClaims {
  constructor(private readonly store: Store) {}

  static keyOf({ topic, id, dedup }: Outgoing): string {
    return `dedup/${topic}/${dedup?.id ?? id}`;
  }

  async claim(message: Outgoing): Promise<Claimed | 'stored before' | 'under way'> {
    const key = DedupClaims.keyOf(message);
    const claim: StoreOp = { op: 'put', key, value: UNDER_WAY, if: 'absent', ttlMs: CLAIM_MS };
    const written = await this.store.write([claim]);
    if (written.ok) {
      return { key, version: written.versions[0] as number, windowMs: message.dedup?.windowMs ?? 0 };
    }
    return written.conflicts[0]?.entry?.value === STORED ? 'stored before' : 'under way';
  }

  /**
   * Remembers what was stored and forgets the rest, which may be published again. Never rejects: a claim that cannot
   * be ended ends by itself, and what was stored may then be stored again.
   */
  async end(claims: readonly { claim: Claimed | undefined; isStored: boolean }[]): Promise<void> {
    const ending = claims.map(async ({ claim, isStored }) => {
      if (claim !== undefined) await this.store.write([isStored ? confirmed(claim) : freed(claim)]);
    });
    await Promise.allSettled(ending);
  }
}

function confirmed({ key, version, windowMs }: Claimed): StoreOp {
  return { op: 'put', key, value: STORED, if: version, ttlMs: windowMs };
}

function freed({ key, version }: Claimed): StoreOp {
  return { op: 'delete', key, if: version };
}
