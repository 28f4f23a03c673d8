import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { sleep } from '../ambient/clock.js';
import { systemAmbient, type Ambient } from '../ambient/ambient.js';
import type { Backend } from '../backend/backend.js';
import { BackendUnavailableError, UnsupportedError } from '../backend/backend.errors.js';
import { DeduplicatingBackend } from '../composed/deduplicating.backend.js';
import { QueueError } from '../message/queue-error.js';
import type { Offer } from '../policies/resolution.js';
import { parseDuration } from '../policies/duration.js';
import { Bus } from '../publish/bus.js';
import type { Store } from '../store/store.js';
import { loadBackendFactory } from './backend.registry.js';
import { BackendReporter } from './backend.reporter.js';
import type { RunningClaim } from './consumers.js';
import { type ComposedBackend, LazyBackend, LazyStore, offerOf } from './lazy.backend.js';
import { dedupWindows } from './declared.topics.js';
import { withKeyGate } from './key-gate.js';
import { InvalidOptionsError } from './nest.errors.js';
import { checkBackendOptions } from './options.check.js';
import { closingOrder } from './closing.order.js';
import { withDelays } from './delay-store.js';
import { withStore } from './shared.store.js';
import { withFanOut } from './fan-out.js';
import { withTransforms } from './transforms.js';
import { withOutbox } from './outbox.js';
import { sayTo } from './say.js';
import { primaryOf } from './primary.backend.js';
import { payloadCheckOf } from './publish.schemas.js';
import type { BackendConfig, QueueModuleOptions } from './queue.options.js';

const CLOSE_MS = 5_000;

/** One named backend with what stands on it. */
export interface Connection {
  readonly backend: LazyBackend;
  readonly bus: Bus;
  readonly store: Store;
  readonly health: BackendReporter;
}

/** All backends of the application, by name. */
export class Connections implements OnApplicationShutdown {
  readonly ambient: Ambient;
  readonly primary: string;
  /** Within which a wedged receiver is replaced; undefined: never. */
  readonly watchMs: number | undefined;
  readonly #logger = new Logger('QueueModule');
  readonly #byName: ReadonlyMap<string, Connection>;
  #closed: Promise<void> | undefined;

  /** `running`: what this process handles, asked when somebody wants to know how it does. */
  constructor(
    private readonly options: QueueModuleOptions,
    private readonly running: () => readonly RunningClaim[] = () => [],
  ) {
    this.ambient = options.ambient ?? systemAmbient;
    this.watchMs = watchMsOf(options);
    const { backends } = options;
    this.primary = primaryOf(backends);
    this.#byName = new Map(backends.map((config, at) => [config.name, this.#connection(config, at)]));
  }

  #connection(config: BackendConfig, at: number): Connection {
    const { ambient } = this;
    const open = async () => {
      const factory = await loadBackendFactory(config.driver);
      const given = checkBackendOptions(`backends[${at}]`, config, factory);
      const storeOn = (name: string): Store => this.get(name).store;
      const alone = await factory.open(config.name, given, ambient);
      for (const notice of factory.notices?.(given) ?? [])
        sayTo(this.#logger, 'warn', `backend "${config.name}" ${notice}`);
      const opened = this.#composed(withFanOut(await withStore(config, alone, storeOn), ambient));
      const find = (name: string): Backend => this.get(name).backend;
      const report = (sentence: string): void => this.#logger.error(sentence);
      const transformed = withTransforms(config, opened, { ambient, report });
      const delaying = withDelays(config, transformed, { ambient, find });
      return withOutbox(config, delaying, ambient);
    };
    const backend = new LazyBackend(config.name, open, ambient.clock);
    const health = this.#reporter(backend);
    return {
      backend,
      health,
      bus: new Bus({
        backend,
        source: this.options.source,
        ambient,
        dedupWindows: dedupWindows(this.options, config.name),
        codec: config.codec,
        checkPayload: payloadCheckOf(this.options.schemas),
        health: () => health.read(),
      }),
      store: new LazyStore(() => storeOf(backend)),
    };
  }

  #reporter(backend: LazyBackend): BackendReporter {
    const running = (): readonly RunningClaim[] =>
      this.running().filter(({ claim }) => claim.backend === backend.name);
    return new BackendReporter({ backend, clock: this.ambient.clock, logger: this.#logger, running });
  }

  /** What a backend lacks and its store makes up for. */
  #composed(opened: ComposedBackend): ComposedBackend {
    const report = (sentence: string): void => this.#logger.error(sentence);
    const gated = withKeyGate(opened, { ambient: this.ambient, report });
    const { backend, store } = gated;
    if (store === undefined || backend.capabilities.dedup !== false) return gated;
    const onStoreError = this.options.dedup?.onStoreError ?? 'reject';
    return { ...gated, backend: new DeduplicatingBackend(backend, { store, onStoreError }) };
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get(name: string): Connection {
    const connection = this.#byName.get(name);
    if (connection !== undefined) return connection;
    throw new InvalidOptionsError(`there is no backend "${name}": the options list ${this.names.join(', ')}`);
  }

  /**
   * Rejects with the first failure; what was opened by then is closed by the caller. Those with `start: 'retry'` that
   * cannot be reached are missing from then on.
   */
  async openAll(): Promise<void> {
    await Promise.all(
      this.options.backends.map(async ({ name, start }) => {
        const { backend } = this.get(name);
        try {
          await backend.connect();
        } catch (error) {
          if (start !== 'retry' || isFinal(error)) throw error;
          backend.missing(error);
        }
      }),
    );
  }

  /** Whether it was told to be tried again, and this is a reason to. */
  mayComeLate(name: string, error: unknown): boolean {
    const { start } = this.options.backends.find((config) => config.name === name) ?? {};
    return start === 'retry' && error instanceof BackendUnavailableError;
  }

  get missing(): readonly string[] {
    return this.names.filter((name) => this.get(name).backend.isMissing);
  }

  /**
   * What each backend can do, by name; without those that are missing, but for `arriving`, which has been dialled. Opens
   * those that are not open: one may lean on another.
   */
  async offers(arriving?: string): Promise<ReadonlyMap<string, Offer>> {
    const names = this.names.filter((name) => name === arriving || !this.get(name).backend.isMissing);
    const opened = await Promise.all(names.map((name) => this.get(name).backend.dial()));
    return new Map(names.map((name, at) => [name, offerOf(opened[at] as ComposedBackend)]));
  }

  /**
   * After the last handler: publishes under way get their answers, then everything is freed. A backend that another one
   * leans on is closed after it. Never rejects.
   */
  closeAll(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const names of closingOrder(this.options.backends))
      await Promise.allSettled(names.map((name) => this.#close(this.get(name))));
  }

  async #close({ bus, backend, health }: Connection): Promise<void> {
    const { clock } = this.ambient;
    health.close();
    const over = new AbortController();
    const closed = bus.close().then(() => over.abort());
    await Promise.race([closed, sleep(clock, CLOSE_MS, over.signal)]);
    await backend.close(new Date(clock.now() + CLOSE_MS));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.closeAll();
  }
}

/** Time mends much, but not these. */
const FINAL = new Set(['invalid_options', 'missing_driver']);

function isFinal(error: unknown): boolean {
  return error instanceof QueueError && FINAL.has(error.code);
}

function watchMsOf({ watchdog = '30s' }: QueueModuleOptions): number | undefined {
  return watchdog === false ? undefined : parseDuration('watchdog', watchdog);
}

async function storeOf(backend: LazyBackend): Promise<Store> {
  const { store } = await backend.connect();
  if (store !== undefined) return store;
  throw new UnsupportedError(
    backend.name,
    'remember anything',
    'use a backend with a store, such as sqlite, or name that of another one in its `store`',
  );
}
