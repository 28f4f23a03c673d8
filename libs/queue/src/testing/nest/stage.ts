import type { Ambient } from '../../ambient/ambient.js';
import type { BackendFactory, OpenedBackend } from '../../backend/backend.js';
import { memoryBackend } from '../../backends/memory/index.js';
import type { MessageInterceptor } from '../../interceptors/interceptor.js';
import type { BackendConfig, QueueModuleOptions } from '../../nest/queue.options.js';
import type { QueueRegistry } from '../../nest/queue.registry.js';
import { NotConsumedError } from '../../nest/queue.registry.js';
import type { OptionsRevision } from '../../nest/tokens.js';
import { testAmbient } from '../test-ambient.js';
import { VirtualClock } from '../virtual-clock.js';
import { DrainingClock } from './draining-clock.js';
import { FaultScript } from './fault-script.js';
import { Memories } from './memories.js';
import { MessageSpy } from './message-spy.js';
import { type Activity, Quiet } from './quiet.js';
import { StandInBackend } from './stand-in.backend.js';

export interface StageOptions {
  readonly seed: number;
  /** How long a handler may wait for the real world while the clock stands still, in real ms. */
  readonly patienceMs: number;
}

/** The world that a test puts its application in: one clock, memory in the place of every backend, spies, faults. */
export class Stage implements OptionsRevision {
  readonly clock = new VirtualClock();
  readonly spy = new MessageSpy(() => this.clock.now());
  readonly script = new FaultScript((name) => this.checkSubscription(name));
  readonly activity: Activity = { count: 0, deliveries: 0 };
  readonly memories = new Memories();
  readonly #ambient: Ambient;
  readonly #patienceMs: number;
  #registry: QueueRegistry | undefined;

  constructor({ seed, patienceMs }: StageOptions) {
    this.#patienceMs = patienceMs;
    const isDraining = (): boolean => this.handlers.some(({ state }) => state === 'draining');
    const { clock } = this;
    const seen = new DrainingClock({ clock, isDraining, quiet: () => this.quiet() });
    this.#ambient = testAmbient(seen, seed);
  }

  /** To be called when the application is put together. */
  watch(registry: QueueRegistry): void {
    this.#registry = registry;
  }

  get handlers(): ReturnType<QueueRegistry['list']> {
    return this.#registry?.list() ?? [];
  }

  get consumers(): ReturnType<QueueRegistry['status']>['consumers'] {
    return this.#registry?.status().consumers ?? [];
  }

  /** Throws NotConsumedError: a spy on a name that does not exist would be silent for ever. */
  checkSubscription(name: string): void {
    const known = this.handlers.map(({ subscription }) => subscription);
    if (known.includes(name)) return;
    throw new NotConsumedError(
      `no handler of this application has the subscription "${name}"; there are: ${known.join(', ') || 'none yet'}`,
    );
  }

  quiet(): Quiet {
    return new Quiet(this.activity, this.#patienceMs);
  }

  revise(options: QueueModuleOptions): QueueModuleOptions {
    const backends = options.backends.map((config) => this.#inMemory(config));
    const interceptors = [this.#interceptor, ...(options.interceptors ?? [])];
    // Memory begins empty: there is nothing that could be checked or relied upon.
    return { ...options, backends, interceptors, ensure: 'create', watchdog: false, ambient: this.#ambient };
  }

  readonly #interceptor: MessageInterceptor = {
    intercept: async (context, next) => {
      this.script.failIfPlanned(context);
      const result = await next();
      this.spy.noteHandled(context);
      return result;
    },
  };

  /** Memory keeps its options; those of any other driver say where it is, which is nowhere now. */
  #inMemory(config: BackendConfig): BackendConfig {
    const { name, driver, primary = false, codec = 'native', outbox, signing } = config;
    if (driver === 'memory' || driver === memoryBackend) {
      return { ...config, driver: this.#standIn('process') };
    }
    const kept = { ...(outbox !== undefined && { outbox }), ...(signing !== undefined && { signing }) };
    return { name, primary, codec, ...kept, driver: this.#standIn('many') };
  }

  #standIn(hosts: 'process' | 'many'): BackendFactory {
    return {
      ...memoryBackend,
      open: async (name, options, ambient): Promise<OpenedBackend> => {
        const opened = await memoryBackend.open(name, options, ambient);
        this.memories.add(name, opened);
        return { ...opened, backend: new StandInBackend(opened.backend, hosts, this) };
      },
    };
  }
}
