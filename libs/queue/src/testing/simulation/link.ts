import type { CancelTimer } from '../../ambient/clock.js';
import type { Backend, PublishResult, Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import { ForwardingBackend, ForwardingReceiver } from '../../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { Delivery } from '../../message/delivery.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Page, Store, StoreEntry, StoreOp, WriteResult } from '../../store/store.js';
import type { SimulationScheduler } from './scheduler.js';
import { ANSWER_MS, BROKER, type Wire } from './wire.js';

/** How long the broker lets a receive wait for a message. */
const POLL_MS = 2_000;
/** How long the broker may take to notice that a process is gone; until then it still hands deliveries to it. */
const NOTICE_MS = 300;

/** A broker as one process sees it: everything goes over the wire. */
export class SimulatedLink extends ForwardingBackend {
  readonly #polls = new Set<AbortController>();

  constructor(
    broker: Backend,
    private readonly wire: Wire,
    private readonly scheduler: SimulationScheduler,
  ) {
    super(broker);
  }

  override async publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    try {
      return await this.wire.repeatableCall('publish', () => this.inner.publish(batch));
    } catch (cause) {
      const why = 'no answer came: the message may or may not be stored';
      return batch.map(() => ({ status: 'unknown', error: new PublishOutcomeUnknownError(why, { cause }) }));
    }
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    const receiver = await this.wire.call('open', () => this.inner.open(spec));
    return new LinkedReceiver(receiver, {
      wire: this.wire,
      scheduler: this.scheduler,
      polls: this.#polls,
    });
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    yield* await this.wire.call('inspect', () => collect(this.inner.inspect(query)));
  }

  /** The broker outlives its processes. */
  override async close(): Promise<void> {}

  /** The process is gone: the broker notices after a while and stops to wait for it. */
  hangUp(): void {
    this.scheduler.after(BROKER, NOTICE_MS, () => {
      for (const poll of this.#polls) poll.abort();
    });
  }
}

interface LinkedReceiverOptions {
  readonly wire: Wire;
  readonly scheduler: SimulationScheduler;
  /** Receives that the broker lets wait. */
  readonly polls: Set<AbortController>;
}

class LinkedReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly options: LinkedReceiverOptions,
  ) {
    super(inner);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    if (signal.aborted) return [];
    const { wire } = this.options;
    const poll = new AbortController();
    const endPoll = (): void => wire.tell('end of receive', () => poll.abort());
    signal.addEventListener('abort', endPoll, { once: true });
    try {
      return await wire.call('receive', () => this.#poll(max, poll), POLL_MS + ANSWER_MS);
    } finally {
      signal.removeEventListener('abort', endPoll);
    }
  }

  /** At the broker. */
  async #poll(max: number, poll: AbortController): Promise<readonly Delivery[]> {
    const { scheduler, polls } = this.options;
    const cancel: CancelTimer = scheduler.after(BROKER, POLL_MS, () => poll.abort());
    polls.add(poll);
    try {
      return await this.inner.receive(max, poll.signal);
    } finally {
      cancel();
      polls.delete(poll);
    }
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.options.wire.repeatableCall('settle', () => this.inner.settle(acts));
  }

  override close(): Promise<void> {
    return this.options.wire.call('close', () => this.inner.close());
  }
}

/** A store as one process sees it. */
export class LinkedStore implements Store {
  constructor(
    private readonly inner: Store,
    private readonly wire: Wire,
  ) {}

  read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    return this.wire.call('read', () => this.inner.read(keys));
  }

  write(ops: readonly StoreOp[]): Promise<WriteResult> {
    return this.wire.call('write', () => this.inner.write(ops));
  }

  scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    return this.wire.call('scan', () => this.inner.scan(prefix, page));
  }

  async close(): Promise<void> {}
}

async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
