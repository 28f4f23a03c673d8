import { type Clock, sleep } from '../ambient/clock.js';
import { BackendClosedError, BackendUnavailableError } from '../backend/backend.errors.js';
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
import { ungatedCapabilities } from '../composed/key-order/key-gate.js';
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

/** How long the end of an application waits for a connection that it was about to open. */
const DIAL_GRACE_MS = 1_000;

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
  browse: 'none',
  hosts: 'many',
});

/** A backend with all that the options put around it. */
export interface ComposedBackend extends OpenedBackend {
  /** Its fan-out is made of copies. */
  readonly copying?: boolean;
  /** What the broker can do without the gate that gives it an order by key; absent where there is none. */
  readonly alone?: Capabilities;
  /** Retries that wait elsewhere. Asked when all backends are open. */
  readonly leaving?: () => LeavingRetries | undefined;
}

/** What its handlers are promised. Asked when all backends are open. */
export function offerOf({ backend, store, leaving, copying = false, alone }: ComposedBackend): Offer {
  const { capabilities: whole } = backend;
  const capabilities = alone === undefined ? whole : ungatedCapabilities(whole, alone);
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
  #publishEach: Backend['publishEach'];
  #closed = false;
  /** Open, and not yet in use while `isMissing`. */
  #dialled: Backend | undefined;
  /** It is dialled in the background: everybody else is refused at once. */
  #missing = false;
  /** Until it is in use: down, and why. */
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
    return this.#dialled?.capabilities ?? BEFORE_OPEN;
  }

  /** Opens it if it is not. A failure is forgotten, so that the next use tries again. */
  async connect(): Promise<ComposedBackend> {
    if (this.#missing) throw this.#unavailable('be used');
    const opened = await this.dial();
    this.#use(opened.backend);
    return opened;
  }

  /** The same without taking it into use. */
  async dial(): Promise<ComposedBackend> {
    if (this.#closed) throw new BackendClosedError(this.name, 'open it again');
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** From now on until `arrived` every use is refused at once, and certainly does nothing; `why` is its last error. */
  missing(why: unknown): void {
    this.#missing = true;
    this.#opened = this.#publishNow = this.#publishEach = undefined;
    this.#note(why);
    this.#tell();
  }

  get isMissing(): boolean {
    return this.#missing;
  }

  /** It was dialled, and everything that its users rely on is there. */
  arrived(): void {
    this.#missing = false;
    if (this.#dialled !== undefined) this.#use(this.#dialled);
  }

  #use(backend: Backend): void {
    if (this.#opened !== undefined) return;
    this.#opened = backend;
    this.#publishNow = backend.publishNow?.bind(backend);
    this.#publishEach = backend.publishEach?.bind(backend);
    this.#tell();
  }

  #note(error: unknown): void {
    this.#before = { ...this.#before, lastError: redact(describeError(error).message) };
  }

  #unavailable(doing: string): BackendUnavailableError {
    const why = `it has not been reached since the start of the application: ${this.#before.lastError}`;
    return new BackendUnavailableError(this.name, doing, why);
  }

  async #open(): Promise<ComposedBackend> {
    try {
      const opened = await this.openBackend();
      this.#dialled = opened.backend;
      opened.backend.onStatus?.(() => this.#opened && this.#tell());
      return opened;
    } catch (error) {
      this.#opening = undefined;
      this.#note(error);
      throw error;
    }
  }

  /** Also that it is open now. */
  onStatus(listener: StatusListener): void {
    this.#listeners.push(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.status());
  }

  /** Only once it is open, and only where the backend has it. */
  get publishNow(): Backend['publishNow'] {
    return this.#publishNow;
  }

  /** The same. */
  get publishEach(): Backend['publishEach'] {
    return this.#publishEach;
  }

  async #backend(): Promise<Backend> {
    return this.#opened ?? (await this.connect()).backend;
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    return (this.#dialled ?? (await this.#backend())).ensure(topology, mode);
  }

  publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    return this.#opened === undefined
      ? this.#publishEarly(batch, options)
      : this.#opened.publish(batch, options);
  }

  async #publishEarly(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    if (this.#missing) return batch.map(() => ({ status: 'refused', error: this.#unavailable('publish') }));
    return (await this.#backend()).publish(batch, options);
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

  /** Closes the store with it. What was never opened stays closed; what is being opened is closed when it is open. */
  async close(deadline: Date): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = this.#closeOpened(deadline);
    const over = new AbortController();
    const leftMs = Math.min(deadline.getTime() - this.clock.now(), this.#dialled ? Infinity : DIAL_GRACE_MS);
    const closed = closing.finally(() => over.abort());
    await Promise.race([closed, sleep(this.clock, Math.max(0, leftMs), over.signal)]);
  }

  async #closeOpened(deadline: Date): Promise<void> {
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
