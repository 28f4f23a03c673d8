import {
  type Ambient,
  BackendClosedError,
  type Delivery,
  type FailureRecord,
  type Receiver,
  type Settlement,
  type SettleResult,
  UnsupportedError,
} from '@pigeonpost/queue';
import type { Item, Shelf } from './shelf.js';

const LOOK_EVERY_MS = 10;
/** Longest history that is kept with a message. */
const MAX_FAILURES = 20;

interface ShelfDelivery extends Delivery {
  readonly item: Item;
  /** Which delivery of the item this is: what a later one makes stale. */
  readonly token: number;
}

export interface ShelfReceiverParts {
  readonly shelf: Shelf;
  readonly ambient: Ambient;
  readonly backend: string;
  readonly subscription: string;
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly isClosed: () => boolean;
}

/** One consumer's end of a subscription: looks for what is ready, every few milliseconds. */
export class ShelfReceiver implements Receiver {
  #closed = false;
  readonly #settled = new WeakSet<Delivery>();

  constructor(private readonly parts: ShelfReceiverParts) {}

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    for (let looks = 0; looks < 10; looks++) {
      if (this.#closed || this.parts.isClosed() || signal.aborted) return [];
      const taken = this.#take(max);
      if (taken.length > 0) return taken;
      await this.#pause(signal);
    }
    return [];
  }

  settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return Promise.resolve(acts.map((act) => this.#settleOne(act)));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #take(max: number): readonly Delivery[] {
    const { ambient, leaseMs } = this.parts;
    const nowMs = ambient.clock.mono();
    const ready = this.#items()
      .filter(({ readyAt }) => readyAt <= nowMs)
      .toSorted((a, b) => a.readyAt - b.readyAt)
      .slice(0, max);
    for (const item of ready) {
      item.leased = true;
      item.deliveries++; // counted before it is handed out, so that a crash counts
      item.readyAt = nowMs + leaseMs;
    }
    return ready.map((item) => this.#delivery(item));
  }

  #delivery(item: Item): ShelfDelivery {
    const { message, body, headers, deliveries, releases, failures, publishedWall, ref } = item;
    const { id, topic, key } = message;
    const { subscription, leaseMs } = this.parts;
    const attempt = deliveries - releases;
    const crashes = attempt - 1 - item.failed;
    const known = { id, ref, topic, subscription, key, headers, publishedAt: publishedWall };
    const ownBody = typeof body === 'string' ? body : body.slice();
    return { ...known, body: ownBody, attempt, crashes, failures, leaseMs, item, token: deliveries };
  }

  #settleOne(act: Settlement): SettleResult {
    const { backend, ambient } = this.parts;
    if (this.parts.isClosed()) return new BackendClosedError(backend, 'settle');
    if (this.#settled.has(act.delivery)) return 'noop';
    const { item, token } = act.delivery as ShelfDelivery;
    const nowMs = ambient.clock.mono();
    const holds =
      item.leased && item.deliveries === token && nowMs < item.readyAt && this.#items().includes(item);
    if (!holds) return 'lost';
    if (act.kind === 'extend' && act.leaseMs > this.parts.maxLeaseMs) {
      return new UnsupportedError(
        backend,
        `lease for ${act.leaseMs} ms`,
        `use at most ${this.parts.maxLeaseMs} ms`,
      );
    }
    if (act.kind !== 'extend') this.#settled.add(act.delivery);
    this.#apply(act, item, nowMs);
    return 'ok';
  }

  #apply(act: Settlement, item: Item, nowMs: number): void {
    switch (act.kind) {
      case 'extend':
        item.readyAt = nowMs + act.leaseMs;
        return;
      case 'ack':
        return this.#remove(item);
      case 'release':
        item.releases++;
        return free(item, Math.max(item.place, act.delayMs === undefined ? 0 : nowMs + act.delayMs));
      case 'retry':
        note(item, act.failure);
        item.place = nowMs + act.delayMs;
        return free(item, item.place);
      case 'dead':
        note(item, act.failure);
        free(item, item.place);
        this.#remove(item);
        this.parts.shelf.dead
          .get(this.parts.subscription)
          ?.push({ ...item, deadWall: this.parts.ambient.clock.now() });
    }
  }

  #items(): readonly Item[] {
    return this.parts.shelf.items.get(this.parts.subscription) ?? [];
  }

  #remove(item: Item): void {
    const left = this.#items().filter((other) => other !== item);
    this.parts.shelf.items.set(this.parts.subscription, left);
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.parts.ambient.clock.timer(LOOK_EVERY_MS, end);
      function end(): void {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      }
      signal.addEventListener('abort', end);
    });
  }
}

function free(item: Item, readyAt: number): void {
  item.leased = false;
  item.readyAt = readyAt;
}

function note(item: Item, failure: FailureRecord): void {
  item.failed++;
  item.failures = [...item.failures, failure].slice(-MAX_FAILURES);
}
