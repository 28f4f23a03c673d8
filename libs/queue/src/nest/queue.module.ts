import { Logger, Module, type DynamicModule, type FactoryProvider, type Provider } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import { Bus } from '../publish/bus.js';
import { Bridges } from './bridges.js';
import { Connections } from './connections.js';
import { Consumers } from './consumers.js';
import { QueueHealthIndicator } from './health.indicator.js';
import { InvalidOptionsError } from './nest.errors.js';
import { checkModuleOptions } from './options.check.js';
import { Plans, QueueExplainer } from './queue.explainer.js';
import { QueueHealth } from './queue.health.js';
import { QueueLifecycle } from './queue.lifecycle.js';
import type {
  QueueFeatureOptions,
  QueueModuleAsyncOptions,
  QueueModuleOptions,
  QueueOptionsFactory,
} from './queue.options.js';
import { QueueRegistry } from './queue.registry.js';
import { SubscriptionExplorer } from './subscription.explorer.js';
import {
  getBusToken,
  getStoreToken,
  type OptionsRevision,
  QUEUE_BACKEND_NAMES,
  QUEUE_FEATURE,
  QUEUE_OPTIONS,
  QUEUE_OPTIONS_REVISION,
} from './tokens.js';

/** The options after their check. */
const CHECKED_OPTIONS = Symbol('pigeonpost:checked-options');

/** Backends, buses and consumers for one application. Configured once; building the module graph opens nothing. */
@Module({})
export class QueueModule {
  static forRoot(options: QueueModuleOptions): DynamicModule {
    const source: Provider = { provide: QUEUE_OPTIONS, useValue: options };
    return queueModule({ names: namesOf(options), isGlobal: options?.isGlobal, sources: [source] });
  }

  /** Values from other providers; the names of the backends are given at once, see QueueModuleAsyncOptions. */
  static forRootAsync(options: QueueModuleAsyncOptions): DynamicModule {
    return queueModule({
      names: options.backends,
      isGlobal: options.isGlobal,
      imports: options.imports,
      sources: [...asyncSource(options), ...(options.extraProviders ?? [])],
    });
  }

  /** Defaults for the handlers of the module that imports this. */
  static forFeature(options: QueueFeatureOptions): DynamicModule {
    return { module: QueueFeatureModule, providers: [{ provide: QUEUE_FEATURE, useValue: options }] };
  }
}

@Module({})
class QueueFeatureModule {}

interface ModuleParts {
  readonly names: readonly string[];
  readonly isGlobal: boolean | undefined;
  readonly imports?: DynamicModule['imports'];
  /** Where the options come from. */
  readonly sources: readonly Provider[];
}

function queueModule({ names, isGlobal = true, imports = [], sources }: ModuleParts): DynamicModule {
  const buses = names.flatMap(namedProviders);
  return {
    module: QueueModule,
    global: isGlobal,
    imports: [DiscoveryModule, ...imports],
    providers: [
      ...sources,
      { provide: QUEUE_BACKEND_NAMES, useValue: names },
      {
        provide: CHECKED_OPTIONS,
        useFactory: checked,
        inject: [QUEUE_OPTIONS, QUEUE_BACKEND_NAMES, { token: QUEUE_OPTIONS_REVISION, optional: true }],
      },
      ...INNER_PROVIDERS,
      ...buses,
    ],
    exports: [
      Bus,
      QueueRegistry,
      QueueHealth,
      QueueHealthIndicator,
      QueueExplainer,
      ...buses.map(({ provide }) => provide),
    ],
  };
}

const INNER_PROVIDERS: readonly Provider[] = [
  Consumers,
  Plans,
  {
    provide: Bridges,
    useFactory: ({ bridges = [] }: QueueModuleOptions, connections: Connections) =>
      new Bridges(bridges, connections),
    inject: [CHECKED_OPTIONS, Connections],
  },
  {
    provide: Connections,
    useFactory: (options: QueueModuleOptions, consumers: Consumers) =>
      new Connections(options, () => consumers.all),
    inject: [CHECKED_OPTIONS, Consumers],
  },
  {
    provide: Bus,
    useFactory: (connections: Connections) => connections.get(connections.primary).bus,
    inject: [Connections],
  },
  {
    provide: QueueRegistry,
    useFactory: (...parts: [Connections, Consumers, Bridges]) => new QueueRegistry(...parts),
    inject: [Connections, Consumers, Bridges],
  },
  {
    provide: QueueHealth,
    useFactory: (connections: Connections) => new QueueHealth(connections),
    inject: [Connections],
  },
  {
    provide: QueueHealthIndicator,
    useFactory: (health: QueueHealth) => new QueueHealthIndicator(health),
    inject: [QueueHealth],
  },
  { provide: QueueExplainer, useFactory: (plans: Plans) => new QueueExplainer(plans), inject: [Plans] },
  {
    provide: QueueLifecycle,
    useFactory: lifecycle,
    inject: [
      CHECKED_OPTIONS,
      Connections,
      Consumers,
      Bridges,
      Plans,
      DiscoveryService,
      MetadataScanner,
      ModuleRef,
    ],
  },
];

type LifecycleInjections = [
  QueueModuleOptions,
  Connections,
  Consumers,
  Bridges,
  Plans,
  DiscoveryService,
  MetadataScanner,
  ModuleRef,
];

function lifecycle(...injected: LifecycleInjections): QueueLifecycle {
  const [options, connections, consumers, bridges, plans, discovery, scanner, moduleRef] = injected;
  const explorer = new SubscriptionExplorer(discovery, scanner);
  const logger = new Logger('QueueModule');
  return new QueueLifecycle({ options, connections, consumers, bridges, plans, explorer, moduleRef, logger });
}

function namedProviders(name: string): readonly FactoryProvider[] {
  return [
    {
      provide: getBusToken(name),
      useFactory: (connections: Connections) => connections.get(name).bus,
      inject: [Connections],
    },
    {
      provide: getStoreToken(name),
      useFactory: (connections: Connections) => connections.get(name).store,
      inject: [Connections],
    },
  ];
}

/** Options of the wrong shape have no names; the check says why when the application starts. */
function namesOf(options: Partial<QueueModuleOptions> | undefined): readonly string[] {
  const { backends } = options ?? {};
  if (!Array.isArray(backends)) return [];
  const names = backends.map((backend: unknown) => (backend as { name?: unknown } | null)?.name);
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}

function checked(given: unknown, names: readonly string[], revision?: OptionsRevision): QueueModuleOptions {
  const options = checkModuleOptions(given);
  const listed = options.backends.map(({ name }) => name);
  if (listed.length === names.length && listed.every((name) => names.includes(name))) {
    return revision?.revise(options) ?? options;
  }
  throw new InvalidOptionsError(
    `forRootAsync was told of the backends ${names.join(', ')}, but its options list ${listed.join(', ')}`,
  );
}

function asyncSource({ useFactory, inject, useClass, useExisting }: QueueModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) {
    return [
      {
        provide: QUEUE_OPTIONS,
        useFactory: useFactory as (...args: unknown[]) => unknown,
        inject: inject ?? [],
      },
    ];
  }
  const factory = useExisting ?? useClass;
  if (factory === undefined) {
    throw new InvalidOptionsError('forRootAsync needs one of useFactory, useClass and useExisting');
  }
  const fromFactory: Provider = {
    provide: QUEUE_OPTIONS,
    useFactory: (made: QueueOptionsFactory) => made.createQueueOptions(),
    inject: [factory],
  };
  return useClass === undefined || useExisting !== undefined ? [fromFactory] : [useClass, fromFactory];
}
