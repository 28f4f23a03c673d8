import type { DynamicModule, Type } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer, NestFactory } from '@nestjs/core';
import type { Offer } from '../policies/resolution.js';
import { withForeseenFanOut } from './fan-out.js';
import { withForeseenDelays } from './delay-store.js';
import { localityOf } from './backend.plan.js';
import { loadBackendFactory } from './backend.registry.js';
import { primaryOf } from './primary.backend.js';
import { declaredListeners, subscriptionPlans, topicPlans } from './declared.topics.js';
import { plansOf, type HandlerPlan } from './handler.plan.js';
import { NotPlannedError } from './nest.errors.js';
import { checkBackendOptions, checkModuleOptions } from './options.check.js';
import type { BackendConfig, QueueModuleOptions } from './queue.options.js';
import { SubscriptionExplorer } from './subscription.explorer.js';
import { QUEUE_OPTIONS } from './tokens.js';

/**
 * The plan of an application that is not started: no provider is made, no hook is called and no backend is opened.
 * Refusals are part of the plan and not thrown. Handlers of providers that a factory makes are not in it, because
 * their class is not known. Throws NotPlannedError when the module's options, or the capabilities of a backend, are
 * not known either before the start: inject QueueExplainer into the running application then. For a process of its
 * own, because Nest's logger is silent afterwards.
 */
export async function explainApplication(root: Type | DynamicModule): Promise<readonly HandlerPlan[]> {
  const app = await NestFactory.createApplicationContext(root, {
    preview: true,
    abortOnError: false,
    logger: false,
  });
  try {
    return await plansIn(app.get(ModulesContainer));
  } finally {
    await app.close();
  }
}

async function plansIn(modules: ModulesContainer): Promise<readonly HandlerPlan[]> {
  const discovery = new DiscoveryService(modules);
  const options = checkModuleOptions(optionsIn(discovery));
  const names = options.backends.map(({ name }) => name);
  const claims = new SubscriptionExplorer(discovery, new MetadataScanner()).explore({
    backend: primaryOf(options.backends),
    group: options.group,
    knows: (backend) => names.includes(backend),
    locality: (backend) => localityOf(options.backends, backend),
    upcasters: options.upcasters ?? [],
  });
  const offers = await offersOf(options);
  const offerOn = (backend: string): Offer => offers.get(backend) as Offer;
  return [
    ...plansOf(claims, declaredListeners(options), offerOn),
    ...topicPlans(options, offers),
    ...subscriptionPlans(options, offers),
  ];
}

/** The options as they were given; nothing when a factory would have to make them. */
function optionsIn(discovery: DiscoveryService): unknown {
  const given: unknown = discovery.getProviders().find(({ token }) => token === QUEUE_OPTIONS)?.instance;
  if (typeof given === 'object' && given !== null) return given;
  throw new NotPlannedError(
    'the options of QueueModule are not known before the application starts: inject QueueExplainer, or use forRoot',
  );
}

async function offersOf({ backends }: QueueModuleOptions): Promise<ReadonlyMap<string, Offer>> {
  const alone = await Promise.all(
    backends.map(async (config, at) => [config.name, await offerOf(config, at)] as const),
  );
  return withForeseenDelays(backends, new Map(alone));
}

async function offerOf(config: BackendConfig, at: number): Promise<Offer> {
  const factory = await loadBackendFactory(config.driver);
  const foreseen = factory.foresee?.(checkBackendOptions(`backends[${at}]`, config, factory));
  if (foreseen !== undefined)
    return withForeseenFanOut({
      ...foreseen,
      remembers: foreseen.remembers || config.store !== undefined,
    });
  throw new NotPlannedError(
    `backend "${config.name}" knows what it can do only when it is open: start the application and inject QueueExplainer`,
  );
}
