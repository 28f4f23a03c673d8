import type { KeyOrder } from '../../backend/key-order.js';
import type { QueueError } from '../../message/queue-error.js';
import type { Ack, Act, Claimed, ClaimSpec, PostgresClaims } from './postgres.claims.js';
import { LowWater } from './postgres.low-water.js';

/** Whether the delivery held its lease; an error: nobody knows. */
export type Outcome = boolean | QueueError;

interface Request {
  readonly spec: ClaimSpec;
  readonly resolve: (claimed: Claimed) => void;
  readonly reject: (error: unknown) => void;
}

/** One act of a settle call. */
interface Pending {
  readonly act: Act;
  readonly end: (outcome: Outcome) => void;
}

/** What a subscription is, to who settles in it. */
export interface RoundsOf {
  readonly subscriptionId: number;
  /** What a retry and a death do to the key of a message that has its turn. */
  readonly order: KeyOrder;
  /** Whether messages line up by their keys there. */
  readonly isOrdered: boolean;
}

/** So many acknowledgements are worth a connection of their own: the server then works on them and on the claim at once. */
const MANY = 64;

/**
 * Settlements and claims of one turn of the event loop leave together: a few acknowledgements in the very statement
 * that claims, so that they share its round trip and its commit. While it is under way, what comes next gathers.
 */
export class PostgresRounds {
  readonly #claims: PostgresClaims;
  readonly #of: RoundsOf;
  #pending: Pending[] = [];
  #requests: Request[] = [];
  #isBusy = false;
  readonly #lowWater = new LowWater();
  /** Another process may have declared it since. */
  #isOrdered: boolean;

  constructor(claims: PostgresClaims, of: RoundsOf) {
    this.#claims = claims;
    this.#of = of;
    this.#isOrdered = of.isOrdered;
  }

  claim(spec: ClaimSpec): Promise<Claimed> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ spec, resolve, reject });
      this.#begin();
    });
  }

  /** One outcome per act. Never rejects. */
  settle(acts: readonly Act[]): Promise<readonly Outcome[]> {
    return new Promise((resolve) => {
      const outcomes: Outcome[] = [];
      let left = acts.length;
      if (left === 0) resolve(outcomes);
      acts.forEach((act, at) => {
        const end = (outcome: Outcome): void => {
          outcomes[at] = outcome;
          if (--left === 0) resolve(outcomes);
        };
        this.#pending.push({ act, end });
      });
      this.#begin();
    });
  }

  #begin(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(this.#go);
  }

  readonly #go = (): void => {
    void this.#round().then(() => {
      if (this.#pending.length + this.#requests.length > 0) setImmediate(this.#go);
      else this.#isBusy = false;
    });
  };

  async #round(): Promise<void> {
    const pending = this.#takePending();
    const requests = this.#requests.splice(0);
    const turns = pending.filter(({ act }) => act.delivery.inOrder);
    if (turns.length > 0) await this.#finish(turns, (acts) => this.#settleInOrder(acts));
    for (const kind of ['release', 'retry', 'dead'] as const) {
      const these = pending.filter(({ act }) => act.kind === kind && !act.delivery.inOrder);
      if (these.length === 0) continue;
      if (kind !== 'dead') this.#lowWater.reset();
      await this.#finish(these, (acts) => this.#claims.settle(kind, acts));
    }
    const acks = pending.filter(({ act }) => act.kind === 'ack' && !act.delivery.inOrder);
    const [first, ...others] = requests;
    if (first === undefined) await this.#acknowledge(acks);
    else if (acks.length < MANY) await this.#claim(first, acks);
    else await Promise.all([this.#acknowledge(acks), this.#claim(first, [])]);
    for (const request of others) await this.#claim(request, []);
  }

  async #acknowledge(acks: readonly Pending[]): Promise<void> {
    if (acks.length > 0) await this.#finish(acks, (acts) => this.#claims.settle('ack', acts));
  }

  #settleInOrder(acts: readonly Act[]): Promise<ReadonlySet<string>> {
    const { subscriptionId, order } = this.#of;
    return this.#claims.settleInOrder(subscriptionId, acts, order);
  }

  /** Each delivery once: a second act on it belongs to the next round, and finds it settled. */
  #takePending(): readonly Pending[] {
    const all = this.#pending;
    const seen = new Set<string>();
    const now: Pending[] = [];
    this.#pending = [];
    for (const each of all) {
      const { ref } = each.act.delivery;
      if (seen.has(ref)) this.#pending.push(each);
      else now.push(each);
      seen.add(ref);
    }
    return now;
  }

  async #claim(request: Request, acks: readonly Pending[]): Promise<void> {
    try {
      if (this.#isOrdered) await this.#claims.lineUp(this.#of.subscriptionId);
      const wasMarked = !this.#lowWater.isAtBeginning;
      const claimed = await this.#take(request, acks.map(({ act }) => act) as Ack[]);
      for (const { act, end } of acks) end(claimed.changed.has(act.delivery.ref));
      const isInVain = wasMarked && claimed.deliveries.length === 0;
      request.resolve(isInVain ? await this.#take(request, []) : claimed);
    } catch (error) {
      for (const { end } of acks) end(error as QueueError);
      request.reject(error);
    }
  }

  async #take({ spec }: Request, acks: readonly Ack[]): Promise<Claimed> {
    const claimed = await this.#claims.claim({ ...spec, from: this.#lowWater.from }, acks);
    this.#isOrdered ||= claimed.isOrdered;
    if (!this.#isOrdered) this.#lowWater.claimed(claimed.first, claimed.deliveries.length, spec.max);
    return claimed;
  }

  async #finish(
    pending: readonly Pending[],
    settle: (acts: readonly Act[]) => Promise<ReadonlySet<string>>,
  ): Promise<void> {
    try {
      const changed = await settle(pending.map(({ act }) => act));
      for (const { act, end } of pending) end(changed.has(act.delivery.ref));
    } catch (error) {
      for (const { end } of pending) end(error as QueueError);
    }
  }
}
