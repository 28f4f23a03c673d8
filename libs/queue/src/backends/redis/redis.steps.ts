import type { Settlement, SettleResult } from '../../backend/backend.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { Ambient } from '../../ambient/ambient.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { type ClaimedBy, readName, RedisDelivery, TOKEN_LENGTH } from './redis.delivery.js';
import type { RedisLink } from './redis.link.js';
import { Script } from './redis.script.js';
import { STEP } from './redis.step.lua.js';
import type { Argument } from './redis.wire.js';

const SCRIPT = new Script(STEP);
/** Settlements of one call: it holds up everybody else on the server, and Lua takes a few thousand at most. */
const MOST_ACTS = 1_000;
const GONE = -1;
const DONE = '1'.charCodeAt(0);
const TOKENS = 36 ** TOKEN_LENGTH;

export interface SubscriptionName {
  readonly id: string;
  readonly name: string;
}

/** What one receiver claims and settles with. */
export interface StepSetup {
  readonly backend: string;
  readonly ambient: Ambient;
  readonly link: RedisLink;
  readonly subscription: SubscriptionName;
  readonly leaseMs: number;
  readonly order: KeyOrder;
  /** Of an ephemeral subscription. */
  readonly expiresAfterMs: number | undefined;
}

export interface Claimed {
  readonly deliveries: readonly RedisDelivery[];
  /** In how many ms something is due where nothing was claimed; Infinity: nothing is. */
  readonly dueInMs: number;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}
type WaitingClaim = Waiting<Claimed> & { readonly max: number };
/** The settlements of one call. */
type WaitingActs = Waiting<readonly SettleResult[]> & { readonly acts: readonly OwnSettlement[] };
/** A settlement of a delivery of this backend. */
export type OwnSettlement = Settlement & { readonly delivery: RedisDelivery };

/**
 * Sends the settlements and the claim that one turn of the event loop brings in one round trip. What comes while one is under
 * way travels with the next.
 */
export class RedisSteps {
  readonly #setup: StepSetup;
  #claim: WaitingClaim | undefined;
  #settling: WaitingActs[] = [];
  #isScheduled = false;
  #isUnderWay = false;

  #subscription: SubscriptionName;

  constructor(setup: StepSetup) {
    this.#setup = setup;
    this.#subscription = setup.subscription;
  }

  /** The same subscription, created again under another id. */
  moveTo(subscription: SubscriptionName): void {
    this.#subscription = subscription;
  }

  /** Rejects as RedisLink.run does; and with UnknownSubscriptionError. One at a time. */
  claim(max: number): Promise<Claimed> {
    return new Promise((resolve, reject) => {
      this.#claim = { max, resolve, reject };
      this.#schedule();
    });
  }

  /** One result per act, in order. */
  settle(acts: readonly OwnSettlement[]): Promise<readonly SettleResult[]> {
    return new Promise((resolve, reject) => {
      this.#settling.push({ acts, resolve, reject });
      this.#schedule();
    });
  }

  /** A claim alone has nothing to wait for. */
  #schedule(): void {
    if (this.#isScheduled || this.#isUnderWay) return;
    if (this.#settling.length === 0) return void this.#step();
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#step();
    });
  }

  async #step(): Promise<void> {
    const [claim, settling] = [this.#claim, this.#takeSettling()];
    this.#claim = undefined;
    this.#isUnderWay = true;
    try {
      const sent = sorted(
        settling.length === 1 ? (settling[0] as WaitingActs).acts : settling.flatMap(({ acts }) => acts),
      );
      this.#answer(await this.#run(sent, claim), { sent, settling, claim });
    } catch (error) {
      claim?.reject(error as Error);
      for (const { reject } of settling) reject(error as Error);
    }
    this.#isUnderWay = false;
    if (this.#claim !== undefined || this.#settling.length > 0) this.#schedule();
  }

  /** As many calls as one step may take, and at least one; the others go with the next. */
  #takeSettling(): readonly WaitingActs[] {
    let [count, acts] = [0, 0];
    for (const call of this.#settling) {
      acts += call.acts.length;
      if (count > 0 && acts > MOST_ACTS) break;
      count++;
    }
    return this.#settling.splice(0, count);
  }

  async #run({ acks, others }: Sorted, claim: WaitingClaim | undefined): Promise<StepReply> {
    const { link, leaseMs, order, ambient, expiresAfterMs } = this.#setup;
    const token = tokenOf(ambient.random.next());
    const head = [this.#subscription.id, claim?.max ?? 0, leaseMs, token, expiresAfterMs ?? ''];
    const args: Argument[] = [...head, order.onRetry, order.onDead, others.length];
    for (const act of others) args.push(...argumentsOf(act));
    for (const { delivery } of acks) args.push(delivery.claim);
    return { answer: await link.run('receive and settle', SCRIPT, args), token };
  }

  #answer(reply: StepReply, { sent, settling, claim }: Step): void {
    const isGone = reply.answer === GONE;
    const [done, dueInMs] = isGone ? NOTHING : (reply.answer as Reply);
    if (sent.others.length === 0) this.#tellInOrder(done, settling);
    else this.#tellSorted(done, sent, settling);
    if (isGone) claim?.reject(new UnknownSubscriptionError(this.#setup.backend, this.#subscription.name));
    else
      claim?.resolve({
        deliveries: this.#read(reply.answer as Reply, reply.token),
        dueInMs: dueInMs < 0 ? Infinity : dueInMs,
      });
  }

  /** All were acknowledgements: the answers are in the order of the acts. */
  #tellInOrder(done: Buffer, settling: readonly WaitingActs[]): void {
    let at = 0;
    for (const { acts, resolve } of settling) resolve(acts.map(() => resultOf(done[at++])));
  }

  #tellSorted(done: Buffer, { others, acks }: Sorted, settling: readonly WaitingActs[]): void {
    const places = new Map([...others, ...acks].map((act, at) => [act, at]));
    for (const { acts, resolve } of settling)
      resolve(acts.map((act) => resultOf(done[places.get(act) as number])));
  }

  #read(reply: Reply, token: string): readonly RedisDelivery[] {
    const names = reply[2].toString('latin1');
    if (names === '') return [];
    const by: ClaimedBy = {
      subscription: this.#setup.subscription.name,
      leaseMs: this.#setup.leaseMs,
      token,
    };
    let at = RECORDS_AT;
    return names.split(',').map((text) => {
      const name = readName(text);
      const record = reply[at++] as Buffer;
      const history = name.failures > 0 ? (reply[at++] as Buffer) : undefined;
      return new RedisDelivery(name, { record, history }, by);
    });
  }
}

interface StepReply {
  readonly answer: unknown;
  readonly token: string;
}

type Reply = readonly [done: Buffer, dueInMs: number, names: Buffer, ...records: Buffer[]];
const RECORDS_AT = 3;
const NOTHING: Reply = [Buffer.alloc(0), -1, Buffer.alloc(0)];

/** As the script takes them: so the extension of a lease comes before the acknowledgement that ends it. */
interface Sorted {
  readonly others: readonly OwnSettlement[];
  readonly acks: readonly OwnSettlement[];
}

interface Step {
  readonly sent: Sorted;
  readonly settling: readonly WaitingActs[];
  readonly claim: WaitingClaim | undefined;
}

function sorted(acts: readonly OwnSettlement[]): Sorted {
  const others = acts.filter(({ kind }) => kind !== 'ack');
  return { others, acks: others.length === 0 ? acts : acts.filter(({ kind }) => kind === 'ack') };
}

function resultOf(done: number | undefined): SettleResult {
  return done === DONE ? 'ok' : 'lost';
}

function argumentsOf(act: OwnSettlement): readonly Argument[] {
  const { claim, failures } = act.delivery;
  switch (act.kind) {
    case 'ack':
      return [];
    case 'release':
      return [act.kind, claim, act.delayMs ?? 0, ''];
    case 'retry':
      return [act.kind, claim, Math.max(0, act.delayMs), extended(failures, act.failure)];
    case 'dead':
      return [act.kind, claim, 0, extended(failures, act.failure)];
    case 'extend':
      return [act.kind, claim, act.leaseMs, ''];
  }
}

function extended(failures: readonly FailureRecord[], failure: FailureRecord): string {
  return JSON.stringify([...failures, failure].slice(-MAX_FAILURE_HISTORY));
}

function tokenOf(chance: number): string {
  return Math.floor(chance * TOKENS)
    .toString(36)
    .padStart(TOKEN_LENGTH, '0');
}
