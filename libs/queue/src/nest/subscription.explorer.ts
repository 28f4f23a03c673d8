import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import type { InterceptorRef } from '../decorators/consume.decorator.js';
import { handlerMetadata, type ConsumeEntry } from '../decorators/handler-metadata.js';
import { checkName, quote } from '../message/names.js';
import { checkTopicOrPattern, isPattern } from '../message/topic-pattern.js';
import { ANOMALIES, isAnomaly, type Anomaly } from '../policies/anomalies.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { Locality } from '../policies/resolve-locality.js';
import type { Upcaster } from '../policies/upcasters.js';
import type { HandlerHost } from './handler.compiler.js';
import { policiesOf, type DescribedHandler } from './handler.policies.js';
import { checkOptionNames } from './decorator.options.js';
import { DuplicateModuleError, DuplicateSubscriptionError, InvalidHandlerError } from './nest.errors.js';
import type { QueueFeatureOptions } from './queue.options.js';
import { QUEUE_FEATURE, QUEUE_OPTIONS } from './tokens.js';

/** A subscription of this application, and the method that handles it. */
export interface HandlerClaim {
  /** `Class.method`. */
  readonly handler: string;
  readonly subscription: string;
  readonly topics: readonly string[];
  readonly backend: string;
  readonly policies: ConsumePolicies;
  /** See ConsumeOptions. */
  readonly accept: readonly Anomaly[];
  readonly interceptors: readonly InterceptorRef[];
  readonly host: HandlerHost;
}

/** What handlers fall back on. */
export interface ClaimDefaults {
  readonly backend: string;
  readonly group: string | undefined;
  readonly knows: (backend: string) => boolean;
  /** What the options of a backend say for its handlers. */
  readonly locality: (backend: string) => Locality | undefined;
  readonly upcasters: readonly Upcaster[];
}

/** Reads what the decorators wrote, over all providers and controllers. Starts nothing. */
export class SubscriptionExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** Every claim, in the order of discovery. Throws when two of them want the same subscription of a backend. */
  explore(defaults: ClaimDefaults): readonly HandlerClaim[] {
    const wrappers = this.#wrappers();
    const modules = wrappers.filter(({ token }) => token === QUEUE_OPTIONS).length;
    if (modules > 1) throw new DuplicateModuleError(modules);
    const claims = wrappers.flatMap((wrapper) => this.#claimsOf(wrapper, defaults));
    refuseDuplicates(claims);
    return claims;
  }

  /** Without aliases, and each instance once, whatever tokens it has. */
  #wrappers(): readonly InstanceWrapper<object>[] {
    const all = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const seen = new Set<unknown>();
    return all.filter((wrapper: InstanceWrapper<object>) => {
      if (wrapper.isAlias || !wrapper.isDependencyTreeStatic()) return !wrapper.isAlias;
      if (typeof wrapper.instance !== 'object' || wrapper.instance === null) return false;
      return !seen.has(wrapper.instance) && seen.add(wrapper.instance);
    });
  }

  #claimsOf(wrapper: InstanceWrapper<object>, defaults: ClaimDefaults): readonly HandlerClaim[] {
    const type = classOf(wrapper);
    const module = wrapper.host;
    if (type === undefined || module === undefined) return [];
    const prototype = type.prototype as object;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const metadata = handlerMetadata(prototype, method);
      if (metadata.consume.length === 0) return [];
      checkOptionNames(`${type.name}.${method}`, metadata);
      const instance = wrapper.instance ?? (Object.create(prototype) as object);
      const handler = { name: `${type.name}.${method}`, instance, method, metadata };
      const inModule = defaultsIn(module, defaults);
      return metadata.consume.map((entry) => claim(handler, entry, { wrapper, module, defaults: inModule }));
    });
  }
}

/** The class whose methods are looked at: that of the instance where a factory made it. */
function classOf({ metatype, inject, instance }: InstanceWrapper<object>): Constructor | undefined {
  const type = !metatype || inject ? instance?.constructor : metatype;
  return typeof type === 'function' && typeof type.prototype === 'object' && type.prototype !== null
    ? type
    : undefined;
}

interface Constructor {
  readonly name: string;
  readonly prototype: unknown;
}

interface Place {
  readonly wrapper: InstanceWrapper<object>;
  readonly module: Module;
  readonly defaults: ClaimDefaults;
}

function claim(handler: DescribedHandler, entry: ConsumeEntry, place: Place): HandlerClaim {
  const { wrapper, module, defaults } = place;
  const { options } = entry;
  const backend = options.backend ?? defaults.backend;
  if (!defaults.knows(backend))
    throw new InvalidHandlerError(handler.name, `there is no backend "${backend}"`);
  if (entry.topics.length === 0) throw new InvalidHandlerError(handler.name, '@Consume needs a topic');
  const topics = entry.topics.map((topic) => checkTopicOrPattern(`${handler.name}: topic`, topic));
  return {
    handler: handler.name,
    subscription: checkName(`${handler.name}: subscription`, subscriptionOf(handler, entry, defaults)),
    topics,
    backend,
    policies: policiesOf(handler, entry, {
      locality: defaults.locality(backend),
      upcasters: defaults.upcasters,
    }),
    accept: acceptedBy(handler, options.accept),
    interceptors: options.interceptors ?? [],
    host: { wrapper, module, method: handler.method, enhancers: options.enhancers ?? 'local' },
  };
}

function acceptedBy({ name }: DescribedHandler, accept: readonly Anomaly[] = []): readonly Anomaly[] {
  const unknown = accept.find((each) => !isAnomaly(each));
  if (unknown === undefined) return accept;
  const known = Object.keys(ANOMALIES).join(', ');
  throw new InvalidHandlerError(name, `accept: there is no ${quote(unknown)}, choose from ${known}`);
}

function subscriptionOf({ name }: DescribedHandler, entry: ConsumeEntry, { group }: ClaimDefaults): string {
  const { topics, options } = entry;
  if (options.subscription !== undefined) return options.subscription;
  if (topics.length > 1) {
    throw new InvalidHandlerError(name, 'a handler of several topics needs a `subscription` name');
  }
  if (topics.some(isPattern)) {
    throw new InvalidHandlerError(name, 'a handler of a pattern of topics needs a `subscription` name');
  }
  if (group !== undefined) return `${group}.${topics[0]}`;
  throw new InvalidHandlerError(
    name,
    'give @Consume a `subscription`, or the module a `group` to name it after',
  );
}

/** What the module says for its handlers, over what the application says. Upcasters add up. */
function defaultsIn(module: Module, defaults: ClaimDefaults): ClaimDefaults {
  const { upcasters = [], ...feature } = featureOf(module);
  return { ...defaults, ...feature, upcasters: [...defaults.upcasters, ...upcasters] };
}

function featureOf(module: Module): QueueFeatureOptions {
  for (const imported of module.imports) {
    const feature = imported.providers.get(QUEUE_FEATURE)?.instance as QueueFeatureOptions | undefined;
    if (feature !== undefined) return feature;
  }
  return {};
}

function refuseDuplicates(claims: readonly HandlerClaim[]): void {
  const owners = new Map<string, string>();
  for (const { backend, subscription, handler } of claims) {
    const key = `${backend}/${subscription}`;
    const owner = owners.get(key);
    if (owner !== undefined) throw new DuplicateSubscriptionError(subscription, owner, handler);
    owners.set(key, handler);
  }
}
