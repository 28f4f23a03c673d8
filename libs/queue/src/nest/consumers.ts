import { hostname } from 'node:os';
import type { Logger, Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import type { Backend, OpenedBackend } from '../backend/backend.js';
import { BatchHandler } from '../consume/batch-handler.js';
import { Consumer } from '../consume/consumer.js';
import type { ConsumerWatch } from '../consume/consumer-options.js';
import { DeadLetterSweep } from '../consume/dead-letter-sweep.js';
import type { MessageHandler } from '../consume/handler.js';
import { intercepted } from '../consume/intercepted.js';
import type { InterceptorRef } from '../decorators/consume.decorator.js';
import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { Routes } from '../interceptors/route.station.js';
import type { BatchPolicy } from '../policies/batch.policy.js';
import type { Connections } from './connections.js';
import { DeliveryLog } from './delivery.log.js';
import { HandlerCompiler } from './handler.compiler.js';
import type { HandlerClaim, SharedClaim } from './subscription.explorer.js';

/** A claim with the function and the interceptors that serve it. */
export interface PreparedClaim {
  readonly claim: HandlerClaim;
  readonly handler: MessageHandler;
  readonly interceptors: readonly MessageInterceptor[];
  readonly routes: Routes | undefined;
}

/** A claim that this process handles. */
export interface RunningClaim {
  readonly claim: HandlerClaim;
  readonly consumer: Consumer;
  /** Where dead letters are kept for a time only. */
  readonly sweep: DeadLetterSweep | undefined;
}

/** Makes consumers of claims. */
export class ConsumerBuilder {
  readonly #compiler: HandlerCompiler;

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly connections: Connections,
    private readonly logger: Logger,
  ) {
    this.#compiler = new HandlerCompiler(moduleRef);
  }

  /** Everything that can fail without a broker. */
  async prepare(claim: HandlerClaim, shared: readonly MessageInterceptor[]): Promise<PreparedClaim> {
    if (claim.shared !== undefined) return this.#prepareShared(claim, claim.shared, shared);
    const interceptors = [...shared, ...(await this.#interceptorsOf(claim))];
    const { batch } = claim.policies;
    const handler = batch === undefined ? this.#handler(claim) : this.#batchHandler(claim, batch);
    return { claim, handler, interceptors, routes: undefined };
  }

  /** Each handler has its own interceptors, so those of the module are put around each as well. */
  async #prepareShared(
    claim: HandlerClaim,
    { parts, otherwise }: SharedClaim,
    shared: readonly MessageInterceptor[],
  ): Promise<PreparedClaim> {
    const list = await Promise.all(
      parts.map(async (part) => {
        const { when, validate, upcasting } = part;
        const around = [...shared, ...(await this.#interceptorsOf(part))];
        return { when, validate, upcasting, ...intercepted(this.#handler(part), around) };
      }),
    );
    return { claim, handler: this.#handler(claim), interceptors: [], routes: { list, otherwise } };
  }

  #handler({ handler: name, host }: Pick<HandlerClaim, 'handler' | 'host'>): MessageHandler {
    return { name, handle: this.#compiler.compile(host) };
  }

  #batchHandler({ handler: name, host, policies }: HandlerClaim, policy: BatchPolicy): MessageHandler {
    const { clock } = this.connections.ambient;
    const run = this.#compiler.compile(host);
    return new BatchHandler({ name, clock, policy, concurrency: policies.concurrency, run });
  }

  #interceptorsOf({ host, interceptors }: Pick<HandlerClaim, 'host' | 'interceptors'>) {
    const inModule = host.module.getProviderByKey<ModuleRef>(ModuleRef).instance;
    return this.interceptors(interceptors, inModule);
  }

  /** Classes become what the application provides, or what `maker` makes in its module. */
  interceptors(
    refs: readonly InterceptorRef[],
    maker: ModuleRef = this.moduleRef,
  ): Promise<MessageInterceptor[]> {
    return Promise.all(
      refs.map(async (ref) =>
        typeof ref === 'function' ? (this.#provided(ref) ?? (await maker.create(ref))) : ref,
      ),
    );
  }

  async build({ claim, handler, interceptors, routes }: PreparedClaim): Promise<RunningClaim> {
    const { bus } = this.connections.get(claim.backend);
    const { backend: opened, store } = await this.#opened(claim);
    const listener = new DeliveryLog(bus, this.logger);
    const consumer = new Consumer({
      backend: opened,
      store,
      subscription: claim.subscription,
      topics: claim.topics,
      handler,
      routes,
      interceptors,
      policies: claim.policies,
      ambient: this.connections.ambient,
      host: `${hostname()}:${process.pid}`,
      listener,
      replier: bus.replier,
      watch: this.#watch(claim, opened),
    });
    return { claim, consumer, sweep: this.#sweep(claim, opened, listener) };
  }

  /** A backend that is still missing is stood for: its consumers are made now, and started when it is there. */
  async #opened({ backend: name }: HandlerClaim): Promise<OpenedBackend> {
    const { backend, store } = this.connections.get(name);
    return backend.isMissing ? { backend, store } : backend.connect();
  }

  /** What stays inside the process has no client that could wedge. */
  #watch({ backend: name }: HandlerClaim, { capabilities }: Backend): ConsumerWatch | undefined {
    const { watchMs } = this.connections;
    if (watchMs === undefined || capabilities.hosts === 'process') return undefined;
    return { withinMs: watchMs, probe: this.connections.get(name).health.probe };
  }

  #sweep(claim: HandlerClaim, backend: Backend, log: DeliveryLog): DeadLetterSweep | undefined {
    const { subscription, policies } = claim;
    if (policies.deadRetentionMs === undefined) return undefined;
    return new DeadLetterSweep({
      backend,
      subscription,
      clock: this.connections.ambient.clock,
      keepMs: policies.deadRetentionMs,
      expired: (count) => log.expired(subscription, count),
      fault: (error) => log.fault(subscription, 'remove old dead letters', error),
    });
  }

  #provided(type: Type<MessageInterceptor>): MessageInterceptor | undefined {
    try {
      return this.moduleRef.get(type, { strict: false });
    } catch {
      return undefined;
    }
  }
}

/** The consumers of this process. */
export class Consumers {
  #running: readonly RunningClaim[] = [];
  #drained: Promise<unknown> | undefined;

  get all(): readonly RunningClaim[] {
    return this.#running;
  }

  set(running: readonly RunningClaim[]): void {
    this.#running = running;
  }

  of(module: Module): readonly RunningClaim[] {
    return this.#running.filter(({ claim }) => claim.host.module === module);
  }

  /** All of them at once, with one deadline, whoever asks first. Never rejects. */
  async drain(deadlineMs: number): Promise<void> {
    this.#drained ??= Promise.all(
      this.#running.map(({ consumer, sweep }) => Promise.all([consumer.drain(deadlineMs), sweep?.stop()])),
    );
    await this.#drained;
  }
}
