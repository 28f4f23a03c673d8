import type { Ambient } from '../../ambient/ambient.js';
import { type CancelTimer, sleep } from '../../ambient/clock.js';
import type { Backend, Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { Delivery } from '../../message/delivery.js';
import { SingleHolder } from '../../store/single-holder.js';
import type { Store } from '../../store/store.js';
import { Park } from './park.js';
import { Reign } from './reign.js';
import { Takers } from './takers.js';

export interface GateParts {
  /** The broker's backend. */
  readonly inner: Backend;
  readonly store: Store;
  readonly ambient: Ambient;
  /** `hostname:pid`; told to whoever looks into the store. */
  readonly host: string;
  /** What nobody else will tell. */
  readonly report: (sentence: string, error: unknown) => void;
}

/** For how long the right to handle a subscription is given. */
const RIGHT_MS = 15_000;
const AGAIN_MS = 1_000;
/** How often a holder looks whether a dead letter that holds its key was revived or purged elsewhere. */
const LISTEN_EVERY_MS = 1_000;

/** One process's end of a subscription with an order: its receivers, and its right to handle, while it has it. */
export class Gate {
  readonly #takers = new Takers(() => this.#reign?.turn());
  readonly #holder: SingleHolder;
  #receivers = 0;
  #reign: Reign | undefined;
  /** Knows what was settled before it ended. */
  #lastReign: Reign | undefined;
  #park: Park | undefined;
  #receiver: Receiver | undefined;
  /** Aborted when the right is lost, or given back. */
  #term = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #cancelListen: CancelTimer | undefined;
  #bell = 0;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly spec: SubscriptionSpec,
    private readonly parts: GateParts,
    /** When the one before it, if there was one, has given its right back. */
    before: Promise<void> = Promise.resolve(),
  ) {
    const { ambient, store, host } = parts;
    this.#holder = new SingleHolder({
      ambient,
      store,
      host,
      prefix: 'gate',
      subscription: spec.name,
      leaseMs: RIGHT_MS,
      gained: () => this.#gained(),
      lost: (error) => this.#lost(error),
      fault: (doing, error) => this.#report(doing, error),
    });
    void before.then(() => this.isClosed || this.#holder.start());
  }

  /** It was given up: whoever comes now needs another one. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Another process has the right to hand out, or it is not known who has. */
  get isStandingBy(): boolean {
    return this.#reign === undefined;
  }

  enter(): void {
    this.#receivers++;
  }

  /** What has not been handed out goes back with the last one; what has been can still be settled. */
  async leave(receiver: object): Promise<void> {
    this.#receivers--;
    this.#takers.dismiss(receiver);
    if (this.#receivers > 0) return;
    await this.#reign?.giveBack();
    this.#closeWhenIdle();
  }

  receive(receiver: object, max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.#takers.join(receiver, max, signal);
  }

  settle(acts: readonly Settlement[], order: KeyOrder): Promise<readonly SettleResult[]> {
    if (this.#reign !== undefined) return this.#reign.settle(acts, order);
    return Promise.resolve(acts.map(({ delivery }) => this.#lastReign?.answerAfter(delivery) ?? 'lost'));
  }

  /** Dead letters were revived or purged in this process. */
  async refresh(): Promise<void> {
    await this.#reign?.refresh();
  }

  /** Gives the right back. What is not settled by now comes again when its lease has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#takers.dismiss();
    this.#term.abort();
    await this.#running;
    await this.#holder.stop();
  }

  /** Nobody takes here, and nothing is left to be settled: another process may go on. */
  #closeWhenIdle(): void {
    if (this.#receivers === 0 && this.#reign?.isAtRest !== false) void this.close();
  }

  #gained(): void {
    this.#term = new AbortController();
    const { signal } = this.#term;
    this.#running = this.#running.then(() => this.#rule(signal));
  }

  #lost(error: unknown): void {
    this.#report('keep the order', error);
    this.#term.abort();
  }

  /** Until the right is lost: one reign after the other, each until something is no longer certain. */
  async #rule(term: AbortSignal): Promise<void> {
    const { clock } = this.parts.ambient;
    while (!term.aborted && !this.isClosed) {
      const over = new AbortController();
      const end = (): void => over.abort();
      term.addEventListener('abort', end, { once: true });
      try {
        await this.#begin(over);
        await aborted(over.signal);
      } catch (error) {
        this.#report('begin to hand out', error);
      }
      await this.#end();
      term.removeEventListener('abort', end);
      await sleep(clock, AGAIN_MS, term);
    }
  }

  async #begin(over: AbortController): Promise<void> {
    const { inner, store, ambient, host } = this.parts;
    const { leaseMs, name: subscription } = this.spec;
    const broken = (error: unknown): void => {
      this.#report('write into the park', error);
      over.abort();
    };
    const holder = `${host} ${ambient.ids.next(ambient.clock.now())}`;
    const park = new Park({ store, clock: ambient.clock, subscription, holder, leaseMs, broken });
    this.#park = park;
    const waitMs = await park.begin();
    if (waitMs > 0) await sleep(ambient.clock, waitMs, over.signal);
    if (over.signal.aborted) return;
    this.#bell = await park.bellVersion();
    this.#receiver = await inner.open({ ...this.spec, order: undefined });
    this.#reign = this.#newReign(park, this.#receiver);
    await this.#reign.begin();
    this.#listenLater(over.signal);
  }

  #newReign(park: Park, receiver: Receiver): Reign {
    const { inner, ambient } = this.parts;
    const { lease, batch } = inner.capabilities;
    return new Reign({
      backend: inner.name,
      ambient,
      park,
      receiver,
      batch,
      takers: this.#takers,
      subscription: this.spec.name,
      leaseMs: this.spec.leaseMs,
      maxLeaseMs: lease === false ? this.spec.leaseMs : lease.maxMs,
      isLeaving: () => this.#receivers === 0,
      settled: () => this.#closeWhenIdle(),
      report: (doing, error) => this.#report(doing, error),
    });
  }

  /** Never rejects. Clean: whoever comes next need not wait for leases of ours. */
  async #end(): Promise<void> {
    const [reign, receiver, park] = [this.#reign, this.#receiver, this.#park];
    this.#reign = undefined;
    this.#lastReign = reign;
    this.#receiver = undefined;
    this.#park = undefined;
    this.#cancelListen?.();
    this.#cancelListen = undefined;
    try {
      await reign?.stop();
      const isCertain = await reign?.giveBack();
      await receiver?.close();
      if (reign?.isAtRest === true && isCertain === true && this.#holder.holds) await park?.end();
    } catch (error) {
      this.#report('end in good order', error);
    }
  }

  #listenLater(signal: AbortSignal): void {
    this.#cancelListen = this.parts.ambient.clock.timer(LISTEN_EVERY_MS, () => void this.#listen(signal));
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const [reign, park] = [this.#reign, this.#park];
    try {
      if (reign !== undefined && park !== undefined && reign.lines.held.size > 0) {
        const bell = await park.bellVersion();
        if (bell !== this.#bell) await reign.refresh();
        this.#bell = bell;
      }
    } catch (error) {
      this.#report('look for what was revived', error);
    }
    if (!signal.aborted) this.#listenLater(signal);
  }

  #report(doing: string, error: unknown): void {
    this.parts.report(`subscription "${this.spec.name}" could not ${doing}`, error);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
