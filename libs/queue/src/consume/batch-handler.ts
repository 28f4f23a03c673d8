import type { CancelTimer, Clock } from '../ambient/clock.js';
import { BatchContext } from '../interceptors/batch-context.js';
import { currentHandling, enterHandling } from '../interceptors/current.js';
import type { MessageContext } from '../interceptors/message-context.js';
import { byteLength } from '../message/body.js';
import type { BatchPolicy } from '../policies/batch.policy.js';
import { Release } from '../policies/verdicts.js';
import type { MessageHandler } from './handler.js';

export interface BatchHandlerOptions {
  /** `Class.method`. */
  readonly name: string;
  readonly clock: Clock;
  readonly policy: BatchPolicy;
  /** Batches at work at once. */
  readonly concurrency: number;
  /** The application's code. May answer without a promise. */
  readonly run: (batch: BatchContext) => unknown;
}

interface Item {
  readonly context: MessageContext;
  readonly accept: () => void;
  readonly refuse: (error: unknown) => void;
}

/** A batch that is not complete yet. */
interface Gathering {
  readonly items: Item[];
  bytes: number;
  readonly cancel: CancelTimer;
}

/**
 * A handler of single messages that keeps each until its batch has run. To the consumer every message is handled for
 * itself, so leases, idempotency, retries and settlements are those of single messages.
 */
export class BatchHandler implements MessageHandler {
  readonly name: string;
  readonly takes: number;
  /** By key where batches are; else the only one. */
  readonly #gathering = new Map<string | undefined, Gathering>();
  /** Complete, and waiting for their turn. */
  #ready: (readonly Item[])[] = [];
  #concurrency: number;
  #running = 0;

  constructor(private readonly options: BatchHandlerOptions) {
    this.name = options.name;
    this.takes = options.policy.size;
    this.#concurrency = options.concurrency;
  }

  handle(context: MessageContext): Promise<void> {
    return new Promise((accept, refuse) => this.#gather({ context, accept, refuse }));
  }

  resize(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#start();
  }

  /** What has not started goes back, uncounted. */
  giveBack(): void {
    const waiting = [...this.#ready, ...[...this.#gathering.values()].map(({ items }) => items)];
    for (const { cancel } of this.#gathering.values()) cancel();
    this.#gathering.clear();
    this.#ready = [];
    for (const { refuse } of waiting.flat()) refuse(new Release());
  }

  #gather(item: Item): void {
    const { size, bytes: most = Infinity, by } = this.options.policy;
    const key = by === 'key' ? item.context.key : undefined;
    const bytes = most === Infinity ? 0 : byteLength(item.context.body);
    if ((this.#gathering.get(key)?.bytes ?? 0) + bytes > most) this.#complete(key);
    const gathering = this.#gathering.get(key) ?? this.#begin(key);
    gathering.items.push(item);
    gathering.bytes += bytes;
    if (gathering.items.length === size || gathering.bytes >= most) this.#complete(key);
  }

  #begin(key: string | undefined): Gathering {
    const cancel = this.options.clock.timer(this.options.policy.withinMs, () => this.#complete(key));
    const gathering: Gathering = { items: [], bytes: 0, cancel };
    this.#gathering.set(key, gathering);
    return gathering;
  }

  #complete(key: string | undefined): void {
    const gathering = this.#gathering.get(key);
    if (gathering === undefined) return;
    this.#gathering.delete(key);
    gathering.cancel();
    this.#ready.push(gathering.items);
    this.#start();
  }

  #start(): void {
    while (this.#running < this.#concurrency) {
      const items = this.#ready.shift();
      if (items === undefined) return;
      this.#running++;
      void this.#run(items);
    }
  }

  async #run(items: readonly Item[]): Promise<void> {
    const live = items.filter((item) => isLive(item));
    const batch = new BatchContext(live.map(({ context }) => context));
    try {
      if (live.length > 0) await this.#call(batch);
      for (const { context, accept, refuse } of live) {
        const failure = batch.failureOf(context);
        if (failure === undefined) accept();
        else refuse(failure.error);
      }
    } catch (error) {
      for (const { context, refuse } of live) refuse((batch.failureOf(context) ?? { error }).error);
    } finally {
      this.#running--;
      this.#start();
    }
  }

  /** Outside of any message: what the handler publishes belongs to none of them more than to the others. */
  async #call(batch: BatchContext): Promise<void> {
    const outer = currentHandling();
    enterHandling(undefined);
    try {
      const answer = this.options.run(batch);
      enterHandling(outer);
      await answer;
    } finally {
      enterHandling(outer);
    }
  }
}

/** A message that was lost or timed out while it waited is no longer ours to handle. */
function isLive({ context, refuse }: Item): boolean {
  if (!context.signal.aborted) return true;
  refuse(context.signal.reason);
  return false;
}
