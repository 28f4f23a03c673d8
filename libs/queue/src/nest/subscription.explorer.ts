import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import type { InterceptorRef } from '../decorators/consume.decorator.js';
import { handlerMetadata, type ConsumeEntry } from '../decorators/handler-metadata.js';
import { checkName, quote } from '../message/names.js';
import { checkTopicOrPattern, isPattern } from '../message/topic-pattern.js';
import { ANOMALIES, isAnomaly, type Anomaly } from '../policies/anomalies.js';
import type { MessageFilter } from '../policies/message-filter.js';
import { oneOf } from '../policies/one-of.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { Locality } from '../policies/resolve-locality.js';
import type { Upcaster } from '../policies/upcasters.js';
import type { HandlerHost } from './handler.compiler.js';
import { policiesOf, type DescribedHandler } from './handler.policies.js';
import { checkOptionNames } from './decorator.options.js';
import { DuplicateModuleError, InvalidHandlerError } from './nest.errors.js';
import { checkApart, filterOf, inCompany, isShared, together } from './shared.claim.js';
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
  /** The handlers that share the subscription, where a message needs a look before it is known whose it is. */
  readonly shared: SharedClaim | undefined;
}

/** Several handlers of one subscription. */
export interface SharedClaim {
  readonly parts: readonly ClaimPart[];
  readonly otherwise: 'ack' | 'dead';
}

/** One of them. */
export interface ClaimPart extends Pick<HandlerClaim, 'handler' | 'interceptors' | 'host'> {
  readonly when: MessageFilter;
  readonly validate: ConsumePolicies['validate'];
  readonly upcasting: ConsumePolicies['upcasting'];
}

/** A described method, and one of the things that it wants to consume. */
export interface FoundHandler {
  readonly handler: DescribedHandler;
  readonly entry: ConsumeEntry;
  readonly place: Place;
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

  /** Every claim, in the order of discovery. Throws when two of them want the same messages of a subscription. */
  explore(defaults: ClaimDefaults): readonly HandlerClaim[] {
    const wrappers = this.#wrappers();
    const modules = wrappers.filter(({ token }) => token === QUEUE_OPTIONS).length;
    if (modules > 1) throw new DuplicateModuleError(modules);
    return bySubscription(wrappers.flatMap((wrapper) => this.#handlersOf(wrapper, defaults))).map(claimOf);
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

  #handlersOf(wrapper: InstanceWrapper<object>, defaults: ClaimDefaults): readonly FoundHandler[] {
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
      return metadata.consume.map((entry) => ({
        handler,
        entry,
        place: { wrapper, module, defaults: inModule },
      }));
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

export interface Place {
  readonly wrapper: InstanceWrapper<object>;
  readonly module: Module;
  readonly defaults: ClaimDefaults;
}

/** Those that name the same subscription of the same backend, together, in the order of discovery. */
function bySubscription(found: readonly FoundHandler[]): readonly Company[] {
  const companies = new Map<string, [FoundHandler, ...FoundHandler[]]>();
  for (const each of found) {
    const key = `${backendOf(each)}/${subscriptionOf(each)}`;
    const company = companies.get(key);
    if (company === undefined) companies.set(key, [each]);
    else company.push(each);
  }
  return [...companies.values()];
}

type Company = readonly [FoundHandler, ...FoundHandler[]];

function claimOf(company: Company): HandlerClaim {
  if (!isShared(company)) return claim(company[0]);
  checkApart(subscriptionOf(company[0]), company);
  const all = together(company);
  const whole = claim(all);
  if (whole.policies.batch !== undefined) {
    throw new InvalidHandlerError(
      whole.handler,
      'a handler of batches takes every message of its subscription',
    );
  }
  const parts = company.map((each) => part(inCompany(each, all)));
  const { otherwise = 'dead' } = all.entry.options;
  const shared = { parts, otherwise: oneOf(`${whole.handler}: otherwise`, otherwise, ['dead', 'ack']) };
  const policies = { ...whole.policies, validate: undefined, upcasting: undefined };
  return { ...whole, policies, shared };
}

function part(found: FoundHandler): ClaimPart {
  const { handler, policies, interceptors, host } = claim(found);
  const { validate, upcasting } = policies;
  return { handler, when: filterOf(found), validate, upcasting, interceptors, host };
}

function backendOf({ handler, entry, place: { defaults } }: FoundHandler): string {
  const backend = entry.options.backend ?? defaults.backend;
  if (defaults.knows(backend)) return backend;
  throw new InvalidHandlerError(handler.name, `there is no backend "${backend}"`);
}

function claim(found: FoundHandler): HandlerClaim {
  const { handler, entry, place } = found;
  const { wrapper, module, defaults } = place;
  const { options } = entry;
  const backend = backendOf(found);
  return {
    handler: handler.name,
    subscription: subscriptionOf(found),
    topics: entry.topics.map((topic) => checkTopicOrPattern(`${handler.name}: topic`, topic)),
    backend,
    policies: policiesOf(handler, entry, {
      locality: defaults.locality(backend),
      upcasters: defaults.upcasters,
    }),
    accept: acceptedBy(handler, options.accept),
    interceptors: options.interceptors ?? [],
    host: { wrapper, module, method: handler.method, enhancers: options.enhancers ?? 'local' },
    shared: undefined,
  };
}

function acceptedBy({ name }: DescribedHandler, accept: readonly Anomaly[] = []): readonly Anomaly[] {
  const unknown = accept.find((each) => !isAnomaly(each));
  if (unknown === undefined) return accept;
  const known = Object.keys(ANOMALIES).join(', ');
  throw new InvalidHandlerError(name, `accept: there is no ${quote(unknown)}, choose from ${known}`);
}

function subscriptionOf({ handler: { name }, entry, place: { defaults } }: FoundHandler): string {
  const { topics, options } = entry;
  if (topics.length === 0) throw new InvalidHandlerError(name, '@Consume needs a topic');
  const given = options.subscription ?? defaultName(name, topics, defaults.group);
  return checkName(`${name}: subscription`, given);
}

function defaultName(handler: string, topics: readonly string[], group: string | undefined): string {
  if (topics.length > 1) {
    throw new InvalidHandlerError(handler, 'a handler of several topics needs a `subscription` name');
  }
  const topic = checkTopicOrPattern(`${handler}: topic`, topics[0]);
  if (isPattern(topic)) {
    throw new InvalidHandlerError(handler, 'a handler of a pattern of topics needs a `subscription` name');
  }
  if (group !== undefined) return `${group}.${topic}`;
  throw new InvalidHandlerError(
    handler,
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
