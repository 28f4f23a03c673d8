import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import type { Capabilities } from '../backend/capabilities.js';
import { describeError } from '../message/error-info.js';
import { Bridge } from '../relay/bridge.js';
import type { RelayReport } from '../relay/relay-report.js';
import type { RelayResult } from '../relay/relay-source.js';
import { type BridgeConfig, orderOf, subscriptionOf } from './bridge.options.js';
import type { Connections } from './connections.js';

/** How far one bridge of this process has come. */
export interface BridgeStatus {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Undefined before it is started. */
  readonly report: RelayReport | undefined;
}

/** The bridges of this process. */
export class Bridges {
  readonly #logger = new Logger('QueueModule');
  readonly #running: readonly { readonly config: BridgeConfig; readonly bridge: Bridge }[];
  readonly #started = new Set<object>();
  #drained: Promise<unknown> | undefined;

  constructor(
    configs: readonly BridgeConfig[],
    private readonly connections: Connections,
  ) {
    this.#running = configs.map((config) => ({ config, bridge: this.#bridge(config) }));
  }

  status(): readonly BridgeStatus[] {
    return this.#running.map(({ config: { name, from, to }, bridge }) => {
      return { name, from: from.backend, to: to.backend, report: bridge.report };
    });
  }

  /** A sentence for each bridge that could lose messages. Those with a backend that is not known yet are left out. */
  refusals(isKnown: (backend: string) => boolean): readonly string[] {
    return this.#running.flatMap(({ config }) => {
      if (!isKnown(config.from.backend) || !isKnown(config.to.backend)) return [];
      const [from, to] = [config.from.backend, config.to.backend].map((name) => {
        return this.connections.get(name).backend.capabilities;
      }) as [Capabilities, Capabilities];
      return refusalsOf(config, from, to);
    });
  }

  /** Begins to move, but for those that wait for a backend: they begin at a later call. Rejects when one cannot be opened. */
  async start(): Promise<void> {
    for (const running of this.#running) {
      const { name, from, to } = running.config;
      if (this.#started.has(running) || this.#isMissing(from.backend) || this.#isMissing(to.backend))
        continue;
      await running.bridge.start();
      this.#started.add(running);
      this.#logger.log(
        `bridge "${name}" moves ${from.topics.join(', ')} from ${from.backend} to ${to.backend}`,
      );
    }
  }

  #isMissing(backend: string): boolean {
    return this.connections.get(backend).backend.isMissing;
  }

  /** All of them at once, whoever asks first. Never rejects. */
  async drain(deadlineMs: number): Promise<void> {
    this.#drained ??= Promise.all(this.#running.map(({ bridge }) => bridge.drain(deadlineMs)));
    await this.#drained;
  }

  #bridge(config: BridgeConfig): Bridge {
    const { name, from, to, change, rate, maxHops } = config;
    return new Bridge({
      name,
      from: this.connections.get(from.backend).backend,
      subscription: subscriptionOf(config),
      topics: from.topics,
      order: orderOf(config),
      to: this.connections.get(to.backend).backend,
      topic: to.topic,
      change,
      ratePerSecond: rate,
      maxHops,
      ambient: this.connections.ambient,
      host: `${hostname()}:${process.pid}`,
      observe: (_report, results) => this.#refused(config, results),
      fault: (error) => this.#fault(config, error),
    });
  }

  /** They are dead letters now, and somebody should look. */
  #refused(config: BridgeConfig, results: readonly RelayResult[]): void {
    for (const { item, outcome } of results) {
      if (outcome.kind !== 'refused') continue;
      const where = `a dead letter of "${subscriptionOf(config)}"`;
      this.#logger.error(`message ${item.message.id} is ${where}: ${describeError(outcome.error).message}`);
    }
  }

  #fault({ name }: BridgeConfig, error: unknown): void {
    this.#logger.warn(`bridge "${name}" tries again until it works: ${describeError(error).message}`);
  }
}

function refusalsOf(
  { name, from, to, order }: BridgeConfig,
  source: Capabilities,
  target: Capabilities,
): readonly string[] {
  const refusals: string[] = [];
  const refuse = (backend: string, why: string): void => {
    refusals.push(
      `bridge "${name}" cannot be at least once, because backend "${backend}" ${why}: take another backend`,
    );
  };
  if (source.ack === 'none') refuse(from.backend, 'forgets a message when it hands it over');
  if (source.fanout !== 'named') refuse(from.backend, 'has no named subscriptions');
  if (order === 'key' && source.order !== 'key') {
    refusals.push(
      `bridge "${name}" asks for order by key, and backend "${from.backend}" has none: take \`order\` away, or take another backend`,
    );
  }
  if (target.confirm === 'none') refuse(to.backend, 'does not confirm what is published');
  return refusals;
}
