import type {
  Logger,
  OnApplicationBootstrap,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import type { CancelTimer } from '../ambient/clock.js';
import { parseDuration } from '../policies/duration.js';
import type { Offer } from '../policies/resolution.js';
import { localityOf, localityRefusals } from './backend.plan.js';
import type { Bridges } from './bridges.js';
import type { Connections } from './connections.js';
import { ConsumerBuilder, type Consumers, type RunningClaim } from './consumers.js';
import { declaredListeners, subscriptionPlans, topicPlans } from './declared.topics.js';
import { claimCheckRefusals } from './claim-check.options.js';
import { delayRefusals } from './delay-store.js';
import { storeRefusals } from './shared.store.js';
import { plansOf, refuseUnmet } from './handler.plan.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { LazyBackend } from './lazy.backend.js';
import { LateStarts } from './late.starts.js';
import { hangGate, hasHooks } from './module.gate.js';
import { InvalidOptionsError } from './nest.errors.js';
import type { Plans } from './queue.explainer.js';
import { sayTo } from './say.js';
import type { QueueModuleOptions } from './queue.options.js';
import type { HandlerClaim, SubscriptionExplorer } from './subscription.explorer.js';
import { hearsSignal, SecondSignal } from './second.signal.js';
import { ensureTopologies, topologies } from './topology.js';

const SIGNAL_CHECK_MS = 1_000;
const NOBODY_LISTENS =
  'nothing listens to SIGTERM, so a stopped process gives up its running handlers: call app.enableShutdownHooks()';

export interface LifecycleParts {
  readonly options: QueueModuleOptions;
  readonly connections: Connections;
  readonly consumers: Consumers;
  readonly bridges: Bridges;
  readonly plans: Plans;
  readonly explorer: SubscriptionExplorer;
  readonly moduleRef: ModuleRef;
  readonly logger: Logger;
}

/** From the decorators to running consumers, and back to nothing. Only `init()` starts anything. */
export class QueueLifecycle
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  readonly #drainMs: number;
  #cancelSignalCheck: CancelTimer | undefined;
  #prepared: Promise<void> | undefined;
  #bootstrapped = false;
  #claims: readonly HandlerClaim[] = [];
  /** Consumers whose modules are ready, and that have not started. */
  readonly #due = new Set<RunningClaim>();
  readonly #late: LateStarts;
  readonly #secondSignal = new SecondSignal();

  constructor(private readonly parts: LifecycleParts) {
    this.#drainMs = parseDuration('shutdown.drain', parts.options.shutdown?.drain ?? '25s');
    const { connections, logger } = parts;
    this.#late = new LateStarts({
      ambient: connections.ambient,
      bringUp: (backend) => this.#bringUp(backend),
      failed: (backend, error) => noteFailure(connections.get(backend).backend, error, logger),
    });
  }

  /** Once: in a hybrid application Nest calls the hooks for a deferred microservice and again for the application. */
  onModuleInit(): Promise<void> {
    this.#prepared ??= this.#prepare();
    return this.#prepared;
  }

  /** Checks everything first, then connects and plans, then creates what is missing; starts nothing yet. */
  async #prepare(): Promise<void> {
    const { options, connections, consumers, explorer, moduleRef, logger } = this.parts;
    const claims = explorer.explore({
      backend: connections.primary,
      group: options.group,
      knows: (backend) => connections.has(backend),
      locality: (backend) => localityOf(options.backends, backend),
      upcasters: options.upcasters ?? [],
    });
    const builder = new ConsumerBuilder(moduleRef, connections, logger);
    const shared = await builder.interceptors(options.interceptors ?? []);
    const prepared = await Promise.all(
      consumedHere(claims, options.consume).map((claim) => builder.prepare(claim, shared)),
    );
    if (options.shutdown?.secondSignal === 'exit') this.#secondSignal.start();
    await this.#orClose(async () => {
      await connections.openAll();
      await this.#plan(claims);
      await this.#ensureAll(claims);
      consumers.set(await Promise.all(prepared.map((claim) => builder.build(claim))));
    });
    for (const module of this.#modules()) this.#gate(module);
    this.#claims = claims;
    for (const backend of connections.missing) this.#late.begin(backend);
  }

  /** What the start could not do for a backend that was missing. */
  async #bringUp(name: string): Promise<void> {
    const { connections, consumers, bridges } = this.parts;
    const { backend } = connections.get(name);
    await backend.dial();
    await this.#plan(this.#claims, name);
    await this.#ensure(this.#claims, name);
    if (this.#late.stopped) return;
    backend.arrived();
    await this.#startDue(consumers.all.filter(({ claim }) => claim.backend === name));
    if (this.#bootstrapped) await bridges.start();
  }

  async #ensureAll(claims: readonly HandlerClaim[]): Promise<void> {
    const { connections } = this.parts;
    for (const name of connections.names) {
      const { backend } = connections.get(name);
      try {
        if (!backend.isMissing) await this.#ensure(claims, name);
      } catch (error) {
        if (!connections.mayComeLate(name, error)) throw error;
        backend.missing(error);
      }
    }
  }

  async #ensure(claims: readonly HandlerClaim[], name: string): Promise<void> {
    const { options, connections } = this.parts;
    const { ensure = 'create' } = options;
    const topology = topologies(options, claims, connections.primary).get(name);
    if (ensure === 'off' || topology === undefined) return;
    await ensureTopologies(new Map([[name, topology]]), ensure, this.parts);
  }

  /** Kept also when it is refused, so that it can be looked at. Of backends that are missing nothing is known yet. */
  async #plan(claims: readonly HandlerClaim[], arriving?: string): Promise<void> {
    const { connections, plans, options, bridges } = this.parts;
    const offers = await connections.offers(arriving);
    const isKnown = (backend: string): boolean => offers.has(backend);
    const offerOn = (backend: string): Offer => offers.get(backend) as Offer;
    const made = [
      ...plansOf(
        claims.filter(({ backend }) => isKnown(backend)),
        declaredListeners(options),
        offerOn,
      ),
      ...topicPlans(options, offers),
      ...subscriptionPlans(options, offers),
    ];
    plans.set(made);
    const { backends } = options;
    refuseUnmet(made, [
      ...localityRefusals(backends, offers),
      ...delayRefusals(backends, offers),
      ...storeRefusals(backends, offers),
      ...bridges.refusals(isKnown),
      ...claimCheckRefusals(backends, offers),
    ]);
  }

  #modules(): ReadonlySet<Module> {
    return new Set(this.parts.consumers.all.map(({ claim }) => claim.host.module));
  }

  #gate(module: Module): void {
    const start = (): Promise<void> => this.#start(this.parts.consumers.of(module));
    hangGate(module, { start, drain: () => this.#drain() });
  }

  /** Modules whose own class is request-scoped have no hooks: their consumers start here. Bridges start last. */
  async onApplicationBootstrap(): Promise<void> {
    const isFirst = !this.#bootstrapped;
    this.#bootstrapped = true;
    if (!isFirst) return;
    for (const module of this.#modules()) {
      if (!hasHooks(module)) await this.#start(this.parts.consumers.of(module));
    }
    await this.#orClose(() => this.parts.bridges.start());
  }

  async #start(running: readonly RunningClaim[]): Promise<void> {
    this.#checkSignalsLater();
    for (const each of running) this.#due.add(each);
    await this.#orClose(async () => {
      for (const each of running) await this.#startOrLater(each);
    });
  }

  async #startOrLater(each: RunningClaim): Promise<void> {
    const { backend } = each.claim;
    try {
      await this.#startDue([each]);
    } catch (error) {
      if (!this.parts.connections.mayComeLate(backend, error)) throw error;
      this.#late.begin(backend);
    }
  }

  /** Those whose modules are ready and whose backends are there. */
  async #startDue(running: readonly RunningClaim[]): Promise<void> {
    for (const each of running) {
      const { claim, consumer, sweep } = each;
      if (this.parts.connections.get(claim.backend).backend.isMissing || !this.#due.delete(each)) continue;
      try {
        await consumer.start();
      } catch (error) {
        this.#due.add(each);
        throw error;
      }
      sweep?.start();
      this.parts.logger.log(startLine(claim));
    }
  }

  /** A start that fails leaves nothing running and nothing open. */
  async #orClose(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#drain();
      await this.onApplicationShutdown();
      throw error;
    }
  }

  /** For consumers whose modules have no hooks; for all others it is done by now. */
  onModuleDestroy(): Promise<void> {
    return this.#drain();
  }

  /** Connections are closed last, and whoever is impatient may be so until then. */
  async onApplicationShutdown(): Promise<void> {
    await this.parts.connections.closeAll();
    this.#secondSignal.stop();
  }

  async #drain(): Promise<void> {
    this.#late.stop();
    this.#cancelSignalCheck?.();
    const { consumers, bridges } = this.parts;
    await Promise.all([consumers.drain(this.#drainMs), bridges.drain(this.#drainMs)]);
  }

  /** Later, because an application context is already started when its maker can ask it to listen to signals. */
  #checkSignalsLater(): void {
    const { connections, logger } = this.parts;
    this.#cancelSignalCheck ??= connections.ambient.clock.timer(SIGNAL_CHECK_MS, () => {
      if (!hearsSignal('SIGTERM')) logger.warn(NOBODY_LISTENS);
    });
  }
}

/** That it cannot be reached its state has said once. What else keeps it away is said once, until it is something else. */
function noteFailure(backend: LazyBackend, error: unknown, logger: Logger): void {
  const before = backend.status().lastError;
  if (backend.isMissing) backend.missing(error);
  const { lastError } = backend.status();
  if (error instanceof BackendUnavailableError || lastError === before) return;
  sayTo(logger, 'error', `backend "${backend.name}" is there and cannot be used: ${lastError}`);
}

function consumedHere(
  claims: readonly HandlerClaim[],
  consume: QueueModuleOptions['consume'] = true,
): readonly HandlerClaim[] {
  if (typeof consume === 'boolean') return consume ? claims : [];
  const unknown = consume.find((name) => !claims.some(({ subscription }) => subscription === name));
  if (unknown === undefined) return claims.filter(({ subscription }) => consume.includes(subscription));
  throw new InvalidOptionsError(`consume: no handler has the subscription "${unknown}"`);
}

const TOPICS_SHOWN = 5;

function startLine({ handler, subscription, topics, backend }: HandlerClaim): string {
  const shown = topics.slice(0, TOPICS_SHOWN).join(', ');
  const more = topics.length > TOPICS_SHOWN ? ` and ${topics.length - TOPICS_SHOWN} more` : '';
  return `${handler} handles "${subscription}" (${shown}${more}) from ${backend}`;
}
