import type { Ambient } from '../ambient/ambient.js';
import type { CancelTimer } from '../ambient/clock.js';
import { QueueError } from '../message/queue-error.js';
import type { Store } from './store.js';

/** Somebody else handles the subscription now, or it is no longer known who does. */
export class NotHolderError extends QueueError {
  readonly code = 'not_holder';
}

export interface SingleHolderParts {
  readonly ambient: Ambient;
  readonly store: Store;
  /** Of the entry: one for each thing that subscriptions have a single holder for. */
  readonly prefix: string;
  readonly subscription: string;
  readonly leaseMs: number;
  /** Told to whoever looks into the store. */
  readonly host: string;
  readonly gained: () => void;
  readonly lost: (error: NotHolderError) => void;
  readonly fault: (doing: string, error: unknown) => void;
}

/**
 * The right of one process to handle a subscription: an entry of the store that ends unless its holder renews it. The
 * holder stops believing in it a third of its length before it ends, measured on its own monotonic clock from the
 * moment it asked, so that a slow answer shortens the belief and never lengthens it.
 */
export class SingleHolder {
  readonly #key: string;
  readonly #holder: string;
  /** Version of the entry that is ours. */
  #version: number | undefined;
  /** Monotonic ms up to which we are the holder. */
  #heldUntil = -Infinity;
  #cancelNext: CancelTimer | undefined;
  #cancelEnd: CancelTimer | undefined;
  #asking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly parts: SingleHolderParts) {
    const { ambient, prefix, subscription, host } = parts;
    this.#key = `${prefix}/${subscription}`;
    this.#holder = `${host} ${ambient.ids.next(ambient.clock.now())}`;
  }

  get holds(): boolean {
    return !this.#stopped && this.parts.ambient.clock.mono() < this.#heldUntil;
  }

  start(): void {
    this.#asking = this.#ask();
  }

  /** Gives the right back, so that the next one need not wait for its end. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    this.#cancelEnd?.();
    await this.#asking;
    if (this.#version === undefined) return;
    await this.#try('give back the right to handle', () =>
      this.parts.store.write([{ op: 'delete', key: this.#key, if: this.#version as number }]),
    );
    this.#version = undefined;
  }

  async #ask(): Promise<void> {
    const { clock, random } = this.parts.ambient;
    const { leaseMs } = this.parts;
    const askedAt = clock.mono();
    await this.#try('ask for the right to handle', () => this.#write(askedAt));
    if (this.#stopped) return;
    const pauseMs = (leaseMs / 3) * (0.8 + 0.2 * random.next());
    this.#cancelNext = clock.timer(pauseMs, () => this.start());
  }

  async #write(askedAt: number): Promise<void> {
    const { store, leaseMs } = this.parts;
    const put = { op: 'put', key: this.#key, value: this.#holder, ttlMs: leaseMs } as const;
    const written = await store.write([{ ...put, if: this.#version ?? 'absent' }]);
    if (written.ok) {
      this.#version = written.versions[0];
      this.#believe(askedAt + (leaseMs * 2) / 3);
      return;
    }
    // A write of ours whose answer was lost left an entry with our name and a version that we do not know.
    const [conflict] = written.conflicts;
    this.#version = conflict?.entry?.value === this.#holder ? conflict.entry.version : undefined;
    if (this.#version === undefined) this.#lose('somebody else has the right to handle it');
    else await this.#write(askedAt);
  }

  #believe(until: number): void {
    const { clock } = this.parts.ambient;
    const gained = !this.holds;
    this.#heldUntil = until;
    this.#cancelEnd?.();
    if (this.#stopped) return;
    this.#cancelEnd = clock.timer(until - clock.mono(), () =>
      this.#lose('the right to handle it was not renewed in time'),
    );
    if (gained && this.holds) this.parts.gained();
  }

  #lose(why: string): void {
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    if (this.#heldUntil === -Infinity) return;
    this.#heldUntil = -Infinity;
    this.parts.lost(
      new NotHolderError(`subscription "${this.parts.subscription}" is left to others: ${why}`),
    );
  }

  async #try(doing: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.fault(doing, error);
    }
  }
}
