import type { Clock } from '../ambient/clock.js';
import { BackendClosedError } from '../backend/backend.errors.js';
import type {
  Backend,
  BackendStatus,
  OpenedBackend,
  PublishCall,
  PublishResult,
  Receiver,
  StatusListener,
} from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { LeavingRetries } from '../composed/delay-store/leaving-retries.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import { redactorOf } from '../backend/redactor.js';
import type { Drift, SubscriptionSpec, Topology } from '../backend/topology.js';
import { describeError } from '../message/error-info.js';
import type { Offer } from '../policies/resolution.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Store, StoreEntry, StoreOp, Page, WriteResult } from '../store/store.js';

/** Backends hide their secrets themselves; whoever wrote this one may have forgotten the URL. */
const redact = redactorOf([]);

/** What can be promised before a backend is open: nothing, and one message at a time. */
const BEFORE_OPEN = Object.freeze<Capabilities>({
  durable: 'process',
  confirm: 'none',
  ack: 'none',
  lease: false,
  attempts: 'none',
  uncountedRelease: false,
  delay: { publish: false, retry: false },
  order: 'none',
  onRetry: 'breaks',
  onDead: 'skip',
  fanout: 'none',
  wildcards: false,
  ephemeral: false,
  lane: false,
  dead: 'none',
  dedup: false,
  cancel: false,
  log: false,
  bounds: false,
  priority: 1,
  ttl: 'none',
  tx: 'none',
  batch: { publish: 1, receive: 1, settle: 1 },
  maxBytes: 0,
  depth: 'none',
  browse: false,
  hosts: 'many',
});

/** A backend with all that the options put around it. */
export interface ComposedBackend extends OpenedBackend {
  /** Its fan-out is made of copies. */
  readonly copying?: boolean;
  /** Retries that wait elsewhere. Asked when all backends are open. */
  readonly leaving?: () => LeavingRetries | undefined;
}

/** What its handlers are promised. Asked when all backends are open. */
export function offerOf({ backend, store, leaving, copying = false }: ComposedBackend): Offer {
  const { capabilities } = backend;
  return { capabilities, remembers: store !== undefined, copying, leaving: leaving?.() };
}

export type OpenBackend = () => Promise<ComposedBackend>;

/**
 * Stands for a backend from the moment the application is put together, so that a bus can be injected before anything
 * is connected. Opened at the start of the application, or by the first use before that; never by being injected.
 */
export class LazyBackend implements Backend {
  #opening: Promise<ComposedBackend> | undefined;
  #opened: Backend | undefined;
  #publishNow: Backend['publishNow'];
  #closed = false;
  /** Until it is open: down, and why. */
  #before: BackendStatus;
  readonly #listeners: StatusListener[] = [];

  constructor(
    readonly name: string,
    private readonly openBackend: OpenBackend,
    private readonly clock: Clock,
  ) {
    this.#before = { state: 'down', since: clock.now(), lastError: undefined, lastProgressAt: undefined };
  }

  get capabilities(): Capabilities {
    return this.#opened?.capabilities ?? BEFORE_OPEN;
  }

  /** Opens it if it is not. A failure is forgotten, so that the next use tries again. */
  async connect(): Promise<ComposedBackend> {
    if (this.#closed) throw new BackendClosedError(this.name, 'open it again');
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<ComposedBackend> {
    try {
      const opened = await this.openBackend();
      const { backend } = opened;
      this.#opened = backend;
      this.#publishNow = backend.publishNow?.bind(backend);
      backend.onStatus?.(this.#tell);
      this.#tell(backend.status());
      return opened;
    } catch (error) {
      this.#opening = undefined;
      this.#before = { ...this.#before, lastError: redact(describeError(error).message) };
      throw error;
    }
  }

  /** Also that it is open now. */
  onStatus(listener: StatusListener): void {
    this.#listeners.push(listener);
  }

  readonly #tell: StatusListener = (status) => {
    for (const listener of this.#listeners) listener(status);
  };

  /** Only once it is open, and only where the backend has it. */
  get publishNow(): Backend['publishNow'] {
    return this.#publishNow;
  }

  async #backend(): Promise<Backend> {
    return this.#opened ?? (await this.connect()).backend;
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    return (await this.#backend()).ensure(topology, mode);
  }

  publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    return this.#opened === undefined
      ? this.#backend().then((backend) => backend.publish(batch, options))
      : this.#opened.publish(batch, options);
  }

  async open(subscription: SubscriptionSpec): Promise<Receiver> {
    return (await this.#backend()).open(subscription);
  }

  async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    yield* (await this.#backend()).inspect(query);
  }

  status(): BackendStatus {
    return this.#opened?.status() ?? this.#before;
  }

  /** Closes the store with it. What was never opened stays closed. */
  async close(deadline: Date): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.backend.close(deadline);
    await opened?.store?.close();
  }
}

/** The store beside a lazy backend; for those that inject one. */
export class LazyStore implements Store {
  constructor(private readonly find: () => Promise<Store>) {}

  async read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    return (await this.find()).read(keys);
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    return (await this.find()).write(ops, options);
  }

  async scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    return (await this.find()).scan(prefix, page);
  }

  /** Closed together with its backend. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
