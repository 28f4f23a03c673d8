import type { Ambient } from '../ambient/ambient.js';
import { type CancelTimer, sleep } from '../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { reconnectDelayMs } from '../backend/reconnect-delay.js';
import type { Delivery } from '../message/delivery.js';
import { QueueError } from '../message/queue-error.js';
import { Silence, TICKS_WITHIN } from './silence.js';

/** Messages were ready and slots were free, and yet nothing was received. */
export class WedgedReceiverError extends QueueError {
  readonly code = 'wedged_receiver';
}

/** How long the closing of a receiver that does not answer may take. */
const CLOSE_MS = 2_000;

export interface WatchedParts {
  readonly ambient: Ambient;
  /** Opens one more receiver of the subscription. */
  readonly open: () => Promise<Receiver>;
  /** What the consumer was given and has not settled. */
  readonly held: () => Iterable<Delivery>;
  /** How many messages are ready now; undefined: nobody knows. */
  readonly ready: () => Promise<number | undefined>;
  /** Within which a receiver that is wedged is replaced. */
  readonly withinMs: number;
  readonly fault: (doing: string, error: unknown) => void;
}

/** A receive that is under way. */
interface Ask {
  readonly signal: AbortSignal;
  readonly give: (batch: readonly Delivery[]) => void;
  /** It was told to end before the last tick. */
  overdue: boolean;
}

/**
 * A receiver that is closed and opened anew when it brings nothing although messages are ready, or does not end when it
 * is told to. What the old one handed out is settled through the old one; what it brings after all goes back. One timer,
 * whatever passes through.
 */
export class WatchedReceiver implements Receiver {
  #inner: Receiver;
  readonly #silence: Silence;
  readonly #asks = new Set<Ask>();
  /** The last receive failed, and the next one waits for its turn: it counts as asked. */
  #failing = false;
  /** It did not end when it was told to: the next receive needs another one. */
  #deaf = false;
  /** Of receivers that were replaced, by what they handed out. */
  #owners: WeakMap<Delivery, Receiver> | undefined;
  #rebuilding: Promise<void> | undefined;
  #rebuilds = 0;
  readonly #closing = new AbortController();
  #cancel: CancelTimer | undefined;
  readonly #tickMs: number;

  private constructor(
    private readonly parts: WatchedParts,
    inner: Receiver,
  ) {
    this.#inner = inner;
    this.#silence = new Silence(() => this.#ready());
    this.#tickMs = parts.withinMs / TICKS_WITHIN;
    this.#arm();
  }

  /** Rejects as `open` of the backend does. */
  static async open(parts: WatchedParts): Promise<WatchedReceiver> {
    return new WatchedReceiver(parts, await parts.open());
  }

  /** How often it was opened anew. */
  get rebuilds(): number {
    return this.#rebuilds;
  }

  /** How long it has brought nothing although messages were ready, in ms; undefined: it is not wedged. */
  get wedgedForMs(): number | undefined {
    return this.#silence.isWedged ? this.#silence.quiet * this.#tickMs : undefined;
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#deaf) this.#rebuild();
    if (this.#rebuilding !== undefined) await untilOver(this.#rebuilding, signal);
    if (signal.aborted || this.#closing.signal.aborted || this.#rebuilding !== undefined) return [];
    return new Promise((give, fail) => {
      const ask: Ask = { signal, give, overdue: false };
      this.#asks.add(ask);
      this.#take(ask, max).catch((error: unknown) => {
        if (!this.#asks.delete(ask)) return; // nobody waits for it any more
        this.#failing = !signal.aborted;
        fail(error);
      });
    });
  }

  async #take(ask: Ask, max: number): Promise<void> {
    const inner = this.#inner;
    const batch = await inner.receive(max, ask.signal);
    if (!this.#asks.delete(ask)) return this.#giveBack(inner, batch);
    this.#failing = false;
    if (batch.length > 0) this.#silence.heard();
    ask.give(batch);
  }

  /** One that has to wait for its turn is not wedged. */
  async #ready(): Promise<number | undefined> {
    return this.#inner.isStandingBy === true ? undefined : this.parts.ready();
  }

  /** Nobody waits for them any more. */
  async #giveBack(inner: Receiver, batch: readonly Delivery[]): Promise<void> {
    if (batch.length > 0) await inner.settle(batch.map((delivery) => ({ kind: 'release', delivery })));
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.#owners === undefined ? this.#inner.settle(acts) : this.#settleByOwner(acts, this.#owners);
  }

  async #settleByOwner(
    acts: readonly Settlement[],
    owners: WeakMap<Delivery, Receiver>,
  ): Promise<readonly SettleResult[]> {
    const byOwner = new Map<Receiver, Settlement[]>();
    for (const act of acts) {
      const owner = owners.get(act.delivery) ?? this.#inner;
      const own = byOwner.get(owner);
      if (own === undefined) byOwner.set(owner, [act]);
      else own.push(act);
    }
    const results = new Map<Settlement, SettleResult>();
    const settling = [...byOwner].map(async ([owner, own]) => {
      const answers = await settleEach(owner, own);
      own.forEach((act, at) => results.set(act, answers[at] as SettleResult));
    });
    await Promise.all(settling);
    return acts.map((act) => results.get(act) as SettleResult);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancel?.();
    this.#giveUpAsks();
    await this.#inner.close();
  }

  #arm(): void {
    this.#cancel = this.parts.ambient.clock.timer(this.#tickMs, () => {
      this.#arm();
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    if (this.#rebuilding !== undefined) return;
    this.#giveUpOverdue();
    if (this.#asks.size === 0 && !this.#failing) return this.#silence.rested();
    if ((await this.#silence.asked()) && !this.#closing.signal.aborted) {
      const forMs = this.wedgedForMs ?? 0;
      const why = `nothing came for ${forMs} ms although messages are ready: its receiver is opened anew`;
      this.parts.fault('receive messages', new WedgedReceiverError(why));
      this.#rebuild();
    }
  }

  #giveUpOverdue(): void {
    for (const ask of this.#asks) {
      if (ask.overdue) {
        this.#deaf = true;
        this.#asks.delete(ask);
        ask.give([]);
      } else ask.overdue = ask.signal.aborted;
    }
  }

  #giveUpAsks(): void {
    for (const { give } of this.#asks) give([]);
    this.#asks.clear();
  }

  #rebuild(): void {
    if (this.#rebuilding !== undefined) return;
    const old = this.#inner;
    this.#deaf = this.#failing = false;
    this.#rebuilds++;
    const owners = (this.#owners ??= new WeakMap<Delivery, Receiver>());
    for (const delivery of this.parts.held()) if (!owners.has(delivery)) owners.set(delivery, old);
    this.#giveUpAsks();
    this.#rebuilding = this.#replace(old).finally(() => (this.#rebuilding = undefined));
  }

  async #replace(old: Receiver): Promise<void> {
    const { clock } = this.parts.ambient;
    const over = new AbortController();
    const closed = old.close().catch((error: unknown) => this.parts.fault('close its old receiver', error));
    await Promise.race([closed.then(() => over.abort()), sleep(clock, CLOSE_MS, over.signal)]);
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    const { open, ambient, fault } = this.parts;
    const { signal } = this.#closing;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        this.#inner = await open();
        if (signal.aborted) await this.#inner.close();
        return;
      } catch (error) {
        if (attempt === 1) fault('open its receiver anew', error);
        await sleep(ambient.clock, reconnectDelayMs(attempt, ambient.random), signal);
      }
    }
  }
}

/** One owner that fails as a whole fails for its own acts only. */
async function settleEach(owner: Receiver, acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
  try {
    return await owner.settle(acts);
  } catch (error) {
    return acts.map(() => error as SettleResult);
  }
}

/** Resolves also when `signal` aborts. */
async function untilOver(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let wake!: () => void;
  const aborted = new Promise<void>((resolve) => (wake = resolve));
  signal.addEventListener('abort', wake, { once: true });
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', wake);
}
