import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { type CustomTransportStrategy, Server, type Transport } from '@nestjs/microservices';
import type { Backend, OpenedBackend } from '../backend/backend.js';
import { Consumer } from '../consume/consumer.js';
import type { ConsumerStatus } from '../consume/consumer-options.js';
import { DeliveryLog } from '../nest/delivery.log.js';
import { plansOf, refuseUnmet } from '../nest/handler.plan.js';
import type { Offer } from '../policies/resolution.js';
import { hangDrain } from '../nest/module.gate.js';
import { ensureTopologies } from '../nest/topology.js';
import { parseDuration } from '../policies/duration.js';
import { type Link, linkOf } from './link.js';
import { NestServerWire } from './nest.wire.js';
import { claimsOf, type PatternClaim, type RegisteredPattern } from './pattern.claims.js';
import { PatternHandler, type WithHooks } from './pattern.handler.js';
import type { StrategyOptions } from './strategy.options.js';
import { envelopeWire } from './wire.js';

/** Transport of handlers that are meant for a PigeonpostStrategy and for no other. */
export const PIGEONPOST = Symbol('pigeonpost');

/**
 * Runs the handlers of `@EventPattern` and `@MessagePattern` over a named backend: one subscription for each pattern,
 * with leases, retries, dead letters and a stop that waits for running handlers.
 */
export class PigeonpostStrategy extends Server implements CustomTransportStrategy {
  override readonly transportId: Transport | symbol;
  readonly #options: StrategyOptions;
  readonly #drainMs: number;
  readonly #log = new Logger(PigeonpostStrategy.name);
  #link: Link | undefined;
  #backend: Backend | undefined;
  #consumers: readonly Consumer[] = [];
  #drained: Promise<unknown> | undefined;

  /** Throws InvalidDurationError. */
  constructor(options: StrategyOptions) {
    super();
    this.#options = options;
    this.#drainMs = parseDuration('drain', options.drain ?? '25s');
    this.transportId = options.transportId ?? PIGEONPOST;
    const { serializer, deserializer } = options;
    this.initializeSerializer(serializer === undefined ? {} : { serializer });
    this.initializeDeserializer(deserializer === undefined ? {} : { deserializer });
  }

  /** Calls back with what kept it from starting, or with nothing. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    callback(await this.#start());
  }

  /** Takes nothing more, waits for running handlers until the deadline, and frees an own backend. Idempotent. */
  async close(): Promise<void> {
    await this.#drain();
    if (this.#link?.isOwned) await this.#link.connections.closeAll();
    this._status$.next('disconnected');
  }

  /** One for each pattern. */
  consumers(): readonly ConsumerStatus[] {
    return this.#consumers.map((consumer) => consumer.status());
  }

  /** There is nothing to listen to: what goes wrong is logged, and `consumers()` tells how things are. */
  on(): void {}

  /** The backend, once it listens. */
  unwrap<T>(): T {
    return this.#backend as T;
  }

  /** Resolves with what kept it from starting; then nothing is left running and nothing open. */
  async #start(): Promise<unknown> {
    try {
      this.#link = linkOf(PigeonpostStrategy.name, this.#options);
      await this.#open(this.#link);
      this._status$.next('connected');
      return undefined;
    } catch (error) {
      await this.close();
      return error;
    }
  }

  async #open(link: Link): Promise<void> {
    const { connections, backend: name } = link;
    const claims = claimsOf(this.#patterns(), this.#options, name);
    const opened = await connections.get(name).backend.connect();
    this.#backend = opened.backend;
    const offers = await connections.offers();
    refuseUnmet(
      plansOf(claims, [], () => offers.get(name) as Offer),
      [],
    );
    await this.#ensure(link, claims);
    this.#consumers = claims.map((claim) => this.#consumer(claim, link, opened));
    for (const consumer of this.#consumers) await consumer.start();
    this.#drainBeforeModules();
    for (const { handler, subscription } of claims)
      this.#log.log(`${handler} handles "${subscription}" from ${name}`);
  }

  async #ensure({ connections, backend }: Link, claims: readonly PatternClaim[]): Promise<void> {
    const { ensure = 'create' } = this.#options;
    if (ensure === 'off') return;
    const subscriptions = claims.map(({ subscription, topics }) => ({ name: subscription, topics }));
    await ensureTopologies(new Map([[backend, { subscriptions }]]), ensure, {
      connections,
      logger: this.#log,
    });
  }

  #consumer(claim: PatternClaim, { connections, backend }: Link, opened: OpenedBackend): Consumer {
    const { bus } = connections.get(backend);
    const { serializer, deserializer } = this;
    const nest =
      this.#options.wire === 'nest' ? new NestServerWire({ bus, serializer, deserializer }) : undefined;
    const { handler: name, route, callback, subscription, topics, policies } = claim;
    const [wire, replier] = [nest ?? envelopeWire, nest ?? bus.replier];
    return new Consumer({
      backend: opened.backend,
      store: opened.store,
      subscription,
      topics,
      handler: new PatternHandler({ name, route, callback, wire, replier, hooks: this.#hooks }),
      interceptors: [],
      policies,
      ambient: connections.ambient,
      host: `${hostname()}:${process.pid}`,
      listener: new DeliveryLog(bus, this.#log),
      replier,
    });
  }

  /** `addHandler` of Nest filled it. */
  #patterns(): ReadonlyMap<string, RegisteredPattern> {
    return this.messageHandlers as unknown as ReadonlyMap<string, RegisteredPattern>;
  }

  /** Early releases of Nest 11 have no hooks. */
  readonly #hooks: WithHooks = (context, run) => {
    const { transportId } = this;
    const start: typeof this.onProcessingStartHook | undefined = this.onProcessingStartHook;
    if (start === undefined) return run();
    return new Promise((resolve, reject) => {
      start.call(this, transportId, context, async () => {
        await run()
          .then(resolve, reject)
          .finally(() => this.onProcessingEndHook?.(transportId, context));
      });
    });
  };

  /** Nest closes transports after the destroy hooks of all modules: too late for handlers that need what is in them. */
  #drainBeforeModules(): void {
    const modules = this.#options.app?.get(ModulesContainer, { strict: false }) ?? new Map();
    for (const module of modules.values()) hangDrain(module, () => this.#drain());
  }

  async #drain(): Promise<void> {
    this.#drained ??= Promise.all(this.#consumers.map((consumer) => consumer.drain(this.#drainMs)));
    await this.#drained;
  }
}
