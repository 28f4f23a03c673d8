import type { Settlement, SettleResult } from '../../backend/backend.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { Ambient } from '../../ambient/ambient.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { type ClaimedBy, readName, RedisDelivery } from './redis.delivery.js';
import type { RedisLink } from './redis.link.js';
import { Script } from './redis.script.js';
import { STEP } from './redis.step.lua.js';
import type { Argument } from './redis.wire.js';

const SCRIPT = new Script(STEP);
const GONE = -1;
const DONE = '1'.charCodeAt(0);
/** The width of a token in a state. */
const TOKEN_LENGTH = 10;
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
type WaitingAct = Waiting<SettleResult> & { readonly act: OwnSettlement };
/** A settlement of a delivery of this backend. */
export type OwnSettlement = Settlement & { readonly delivery: RedisDelivery };

/**
 * Sends the settlements and the claim that one turn of the event loop brings in one round trip. What comes while one is under
 * way travels with the next.
 */
export class RedisSteps {
  readonly #setup: StepSetup;
  #claim: WaitingClaim | undefined;
  #acts: WaitingAct[] = [];
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

  settle(act: OwnSettlement): Promise<SettleResult> {
    return new Promise((resolve, reject) => {
      this.#acts.push({ act, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isUnderWay) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#step();
    });
  }

  async #step(): Promise<void> {
    const [claim, acts] = [this.#claim, acksLast(this.#acts)];
    this.#claim = undefined;
    this.#acts = [];
    this.#isUnderWay = true;
    try {
      this.#answer(await this.#run(acts, claim), acts, claim);
    } catch (error) {
      claim?.reject(error as Error);
      for (const { reject } of acts) reject(error as Error);
    }
    this.#isUnderWay = false;
    if (this.#claim !== undefined || this.#acts.length > 0) this.#schedule();
  }

  async #run(acts: readonly WaitingAct[], claim: WaitingClaim | undefined): Promise<StepReply> {
    const { link, leaseMs, order, ambient, expiresAfterMs } = this.#setup;
    const token = tokenOf(ambient.random.next());
    const others = acts.filter(({ act }) => act.kind !== 'ack');
    const head = [this.#subscription.id, claim?.max ?? 0, leaseMs, token, expiresAfterMs ?? ''];
    const args: Argument[] = [...head, order.onRetry, order.onDead, others.length];
    for (const { act } of others) args.push(...argumentsOf(act));
    for (const { act } of acts) if (act.kind === 'ack') args.push(act.delivery.ref, act.delivery.token);
    return { answer: await link.run('receive and settle', SCRIPT, args), token };
  }

  #answer(reply: StepReply, acts: readonly WaitingAct[], claim: WaitingClaim | undefined): void {
    if (reply.answer === GONE) return this.#tellGone(acts, claim);
    const [done, dueInMs, ...claimed] = reply.answer as readonly [Buffer, number, ...Buffer[]];
    for (const [at, { resolve }] of acts.entries()) resolve(done[at] === DONE ? 'ok' : 'lost');
    claim?.resolve({
      deliveries: this.#read(claimed, reply.token),
      dueInMs: dueInMs < 0 ? Infinity : dueInMs,
    });
  }

  #tellGone(acts: readonly WaitingAct[], claim: WaitingClaim | undefined): void {
    const { backend } = this.#setup;
    for (const { resolve } of acts) resolve('lost');
    claim?.reject(new UnknownSubscriptionError(backend, this.#subscription.name));
  }

  #read(claimed: readonly Buffer[], token: string): readonly RedisDelivery[] {
    const by: ClaimedBy = {
      subscription: this.#setup.subscription.name,
      leaseMs: this.#setup.leaseMs,
      token,
    };
    const deliveries: RedisDelivery[] = [];
    for (let at = 0; at < claimed.length;) {
      const name = readName(claimed[at++] as Buffer);
      const record = claimed[at++] as Buffer;
      const history = name.failures > 0 ? claimed[at++] : undefined;
      deliveries.push(new RedisDelivery(name, { record, history }, by));
    }
    return deliveries;
  }
}

interface StepReply {
  readonly answer: unknown;
  readonly token: string;
}

/** As the script takes them: so the extension of a lease comes before the acknowledgement that ends it. */
function acksLast(acts: readonly WaitingAct[]): readonly WaitingAct[] {
  const isAck = ({ act }: WaitingAct): boolean => act.kind === 'ack';
  return acts.every(isAck) ? acts : [...acts.filter((each) => !isAck(each)), ...acts.filter(isAck)];
}

function argumentsOf(act: OwnSettlement): readonly Argument[] {
  const { ref, token, failures } = act.delivery;
  switch (act.kind) {
    case 'ack':
      return [];
    case 'release':
      return [act.kind, ref, token, act.delayMs ?? 0, ''];
    case 'retry':
      return [act.kind, ref, token, Math.max(0, act.delayMs), extended(failures, act.failure)];
    case 'dead':
      return [act.kind, ref, token, 0, extended(failures, act.failure)];
    case 'extend':
      return [act.kind, ref, token, act.leaseMs, ''];
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
