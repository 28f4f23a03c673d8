import type { Random } from '../../ambient/random.js';
import type { Settlement } from '../../backend/backend.js';
import type { KeyOrder } from '../../backend/key-order.js';
import { numberArray, textArray } from './postgres.arrays.js';
import { claimStatements } from './postgres.claims.sql.js';
import type { Call, PostgresDatabase } from './postgres.database.js';
import { numberOf, PostgresDelivery, withFailure } from './postgres.delivery.js';
import type { Row, Statement, Value } from './postgres.session.js';

/** An act on one of our own deliveries. */
export type Act = Settlement & { readonly delivery: PostgresDelivery };
export type Ack = Act & { readonly kind: 'ack' };

export interface ClaimSpec {
  readonly subscriptionId: number;
  readonly subscription: string;
  readonly leaseMs: number;
  readonly max: number;
  /** Messages that became ready before this are not looked at; see LowWater. */
  readonly from?: string;
}

export interface Claimed {
  readonly deliveries: readonly PostgresDelivery[];
  /** Those of the acknowledged deliveries that were still held. */
  readonly changed: ReadonlySet<string>;
  /** When nothing came: in how many ms there will be something; undefined: nothing waits. */
  readonly nextMs: number | undefined;
  /** When nothing came: whether the subscription has an order by now. */
  readonly isOrdered: boolean;
  /** When the oldest one without a priority became ready, as the server writes it; undefined: there was none. */
  readonly first: string | undefined;
}

const CLAIM: Call = { doing: 'receive', purpose: 'settle' };
const SETTLE: Call = { doing: 'settle', purpose: 'settle' };

/** Columns of a claim, after those of the delivery. */
const PLACE = 15;
const ACKED = 16;
const NEXT_MS = 17;
const ORDERED = 18;
const FIRST = 19;

/** What a receiver does to messages. Each call is one round trip and one transaction. */
export class PostgresClaims {
  readonly #database: PostgresDatabase;
  readonly #random: Random;
  readonly #sql: ReturnType<typeof claimStatements>;

  constructor(database: PostgresDatabase, random: Random) {
    this.#database = database;
    this.#random = random;
    this.#sql = claimStatements(database.schema);
  }

  /** Takes what is ready, up to `max`, and acknowledges what is done in the same transaction. */
  async claim(spec: ClaimSpec, acks: readonly Ack[]): Promise<Claimed> {
    const { subscriptionId, max, leaseMs, from = '-infinity' } = spec;
    const token = Math.floor(this.#random.next() * Number.MAX_SAFE_INTEGER);
    const asked = [subscriptionId, max, leaseMs, token, from];
    const { rows } =
      acks.length === 0
        ? await this.#database.write(CLAIM, this.#sql.claim, asked)
        : await this.#database.write(CLAIM, this.#sql.ackAndClaim, [...fences(acks), ...asked]);
    return claimed(rows, spec, token);
  }

  /** Acts of one kind. Answers the refs of the deliveries that held their lease until now. */
  async settle(kind: Act['kind'], acts: readonly Act[]): Promise<ReadonlySet<string>> {
    const [statement, values] = this.#statementOf(kind, acts);
    const { rows } = await this.#database.write(SETTLE, statement, [...fences(acts), ...values]);
    return new Set(rows.map((row) => row[0] as string));
  }

  /** The same for a subscription with an order, any kinds but extensions: also passes turns on. */
  async settleInOrder(
    subscriptionId: number,
    acts: readonly Act[],
    order: KeyOrder,
  ): Promise<ReadonlySet<string>> {
    const values = [subscriptionId, JSON.stringify(acts.map(lineAct)), order.onRetry, order.onDead];
    const { rows } = await this.#database.write(SETTLE, this.#sql.lineSettle, values);
    return new Set(rows.map(([at]) => acts[Number(at)]?.delivery.ref as string));
  }

  /** Decides whose turn it is among those that have been published to a subscription with an order. */
  async lineUp(subscriptionId: number): Promise<void> {
    await this.#database.write(CLAIM, this.#sql.lineUp, [subscriptionId]);
  }

  /** Removes some of what has expired. Not for subscriptions with an order, where lineUp does it. */
  async sweep(subscriptionId: number): Promise<void> {
    await this.#database.write({ doing: 'remove what has expired' }, this.#sql.sweep, [subscriptionId]);
  }

  #statementOf(kind: Act['kind'], acts: readonly Act[]): readonly [Statement, readonly Value[]] {
    switch (kind) {
      case 'ack':
        return [this.#sql.ack, []];
      case 'release':
        return [this.#sql.release, [numberArray(acts.map(delayOf))]];
      case 'retry':
        return [this.#sql.retry, [numberArray(acts.map((act) => delayOf(act) ?? 0)), histories(acts)]];
      case 'dead':
        return [this.#sql.dead, [histories(acts)]];
      case 'extend':
        return [
          this.#sql.extend,
          [numberArray(acts.map((act) => (act.kind === 'extend' ? act.leaseMs : 0)))],
        ];
    }
  }
}

function claimed(rows: readonly Row[], { subscription, leaseMs }: ClaimSpec, token: number): Claimed {
  const [told = [], ...taken] = rows;
  const lease = { subscription, leaseMs, token };
  return {
    deliveries: taken
      .toSorted((one, other) => Number(one[PLACE]) - Number(other[PLACE]))
      .map((row) => new PostgresDelivery(row, lease)),
    changed: new Set(told[ACKED]?.split(',')),
    nextMs: numberOf(told[NEXT_MS]),
    isOrdered: told[ORDERED] === 't',
    first: told[FIRST] ?? undefined,
  };
}

/** In the order of their rows, so that two who settle never wait for each other in a circle. */
function fences(acts: readonly Act[]): [string, string] {
  const seqs = acts.map(({ delivery }) => delivery.ref);
  return [`{${seqs.join(',')}}`, `{${acts.map(({ delivery }) => delivery.token).join(',')}}`];
}

function delayOf(act: Act): number | undefined {
  return act.kind === 'release' || act.kind === 'retry' ? act.delayMs : undefined;
}

function histories(acts: readonly Act[]): string | null {
  return textArray(acts.map(historyOf));
}

function historyOf(act: Act): string | undefined {
  if (act.kind !== 'retry' && act.kind !== 'dead') return undefined;
  return withFailure(act.delivery.failures, act.failure);
}

function lineAct(act: Act, at: number): object {
  const { ref, token } = act.delivery;
  return {
    at,
    kind: act.kind,
    seq: ref,
    token,
    delayMs: delayOf(act) ?? (act.kind === 'retry' ? 0 : undefined),
    history: historyOf(act),
  };
}
