import type { Channel } from 'amqplib';
import type { Drift, SubscriptionTopology, Topology } from '../../backend/topology.js';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import { codeOf, isForbidden, PRECONDITION_FAILED, type RabbitErrors } from './rabbitmq.errors.js';
import type { RabbitCatalogue } from './rabbitmq.catalogue.js';
import type { RabbitForeignBindings } from './rabbitmq.foreign-bindings.js';
import { AT_LEAST_ONCE } from './rabbitmq.levels.js';
import { dueLane, dueTopic, type RabbitNames } from './rabbitmq.names.js';

export interface TopologyParts {
  readonly names: RabbitNames;
  readonly admin: RabbitAdmin;
  readonly catalogue: RabbitCatalogue;
  readonly bindings: RabbitForeignBindings;
  readonly errors: RabbitErrors;
  readonly queueType: 'quorum' | 'classic';
}

/** After so many crashes the broker itself puts a message among the dead: far more than any handler allows. */
const BACKSTOP = 10_000;

/** Queues, exchanges and bindings of subscriptions. */
export class RabbitTopology {
  readonly #parts: TopologyParts;
  /** As this process declared them, so that they can be made again. */
  readonly #declared = new Map<string, SubscriptionTopology>();

  constructor(parts: TopologyParts) {
    this.#parts = parts;
  }

  /** Adds what is missing. Throws BackendUnavailableError, also where something exists with other properties. */
  async create({ subscriptions }: Topology): Promise<void> {
    const { admin, catalogue } = this.#parts;
    if (subscriptions.length === 0) return;
    await admin.run('make the exchanges', (channel) => this.#declareShared(channel));
    for (const subscription of subscriptions) await this.#create(subscription);
    const durable = subscriptions.filter(({ name }) => !this.isEphemeral(name));
    if (durable.length > 0)
      await catalogue.add(new Map(durable.map(({ name, topics }) => [name, new Set(topics)])));
  }

  /** What every publish needs. A user who may not make it can do without, as long as it is there. */
  async prepare(): Promise<void> {
    const { admin, names } = this.#parts;
    try {
      await admin.run('make the exchanges', (channel) => this.#declareExchanges(channel));
    } catch (error) {
      const found = await admin.find('find its exchange', (channel) => channel.checkExchange(names.topics));
      if (found === undefined) throw error;
    }
  }

  /** Whether this process made it to go with its receiver. */
  isEphemeral(subscription: string): boolean {
    return this.#declared.get(subscription)?.expiresAfterMs !== undefined;
  }

  /** Every difference, changing nothing. */
  async check(topology: Topology): Promise<readonly Drift[]> {
    const drifts = [...(await this.compare(topology))];
    const isMissing = (name: string): boolean =>
      drifts.some(({ kind, subscription }) => kind === 'missing-subscription' && subscription === name);
    for (const { name: subscription, expiresAfterMs } of topology.subscriptions) {
      if (expiresAfterMs !== undefined || isMissing(subscription)) continue;
      const detail = await this.#unlike(subscription);
      if (detail !== undefined)
        drifts.push({ kind: 'other-properties', subscription, topic: undefined, detail });
    }
    return drifts;
  }

  /** Who listens to what, against what is declared. */
  async compare({ subscriptions }: Topology): Promise<readonly Drift[]> {
    const { catalogue } = this.#parts;
    const missing = new Set<string>();
    for (const { name } of subscriptions) if (!(await this.exists(name))) missing.add(name);
    const there = subscriptions.filter(({ name }) => !missing.has(name));
    const entries = await catalogue.read((found) =>
      there.every((one) => one.expiresAfterMs !== undefined || found.has(one.name)),
    );
    return subscriptions.flatMap(({ name, topics, expiresAfterMs }): readonly Drift[] => {
      if (missing.has(name)) return [{ kind: 'missing-subscription', subscription: name, topic: undefined }];
      if (expiresAfterMs !== undefined && !entries.has(name)) return []; // not in the catalogue
      const actual = entries.get(name) ?? new Set<string>();
      const drift =
        (kind: Drift['kind']) =>
        (topic: string): Drift => ({ kind, subscription: name, topic });
      return [
        ...topics.filter((topic) => !actual.has(topic)).map(drift('missing-topic')),
        ...[...actual].filter((topic) => !topics.includes(topic)).map(drift('extra-topic')),
      ];
    });
  }

  /**
   * How its queues differ from those that this process would make: to declare what exists changes nothing. undefined:
   * they do not, or the user may not declare them.
   */
  #unlike(name: string): Promise<string | undefined> {
    const { admin, errors } = this.#parts;
    return admin.run(`compare the queues of subscription "${name}"`, async (channel) => {
      try {
        await this.#declareQueues(channel, name);
        return undefined;
      } catch (error) {
        if (isForbidden(error)) return undefined;
        if (codeOf(error) === PRECONDITION_FAILED) return errors.explain(error);
        throw error;
      }
    });
  }

  /** Asked by a binding that it has anyway: a look at the queue itself would keep an ephemeral one alive. */
  async exists(subscription: string): Promise<boolean> {
    const { admin, names } = this.#parts;
    const found = await admin.find('look for a subscription', async (channel) => {
      await channel.bindQueue(names.lane(subscription), names.due, dueLane(subscription));
      return true;
    });
    return found === true;
  }

  /** After its queue was deleted by somebody else. */
  async restore(subscription: SubscriptionTopology): Promise<void> {
    const declared = this.#declared.get(subscription.name);
    const { expiresAfterMs } = declared ?? {};
    if (expiresAfterMs !== undefined) return this.#declareDead(subscription.name, expiresAfterMs);
    await this.create({ subscriptions: [declared ?? subscription] });
  }

  /** All of them; those that were deleted by others too. */
  async list(): Promise<readonly string[]> {
    return [...(await this.#parts.catalogue.read(() => true)).keys()];
  }

  /** An ephemeral one goes with its receiver. */
  async remove(subscription: string): Promise<void> {
    const { admin, names, catalogue, bindings } = this.#parts;
    this.#declared.delete(subscription);
    bindings.forget(names.lane(subscription));
    await admin.run('remove a subscription', async (channel) => {
      await channel.deleteQueue(names.lane(subscription));
      await channel.deleteQueue(names.dead(subscription));
    });
    await catalogue.remove(subscription);
  }

  /** Where the dead letters of an ephemeral one go, which has no such queue until it needs it. */
  async #declareDead(name: string, expiresAfterMs: number): Promise<void> {
    const { admin, names } = this.#parts;
    await admin.run('make a queue for dead letters', (channel) =>
      channel.assertQueue(names.dead(name), this.#deadQueue(expiresAfterMs)),
    );
  }

  async #create(subscription: SubscriptionTopology): Promise<void> {
    const { admin, bindings, names } = this.#parts;
    const { name, expiresAfterMs } = subscription;
    const doing = `make subscription "${name}"`;
    const isEphemeral = expiresAfterMs !== undefined && (await this.#makeEphemeral(name, expiresAfterMs));
    await admin.run(doing, async (channel) => {
      if (expiresAfterMs === undefined) await this.#declareQueues(channel, name);
      await this.#bind(channel, subscription);
    });
    await bindings.bind(names.lane(name), subscription.topics);
    const topics = [...new Set([...(this.#declared.get(name)?.topics ?? []), ...subscription.topics])];
    this.#declared.set(name, isEphemeral ? { name, topics, expiresAfterMs } : { name, topics });
  }

  /** false: a durable one has that name, and stays durable. */
  #makeEphemeral(name: string, expiresAfterMs: number): Promise<boolean> {
    const { admin, names } = this.#parts;
    return admin.run(`make subscription "${name}"`, async (channel) => {
      try {
        const args = { 'x-expires': expiresAfterMs };
        await channel.assertQueue(names.lane(name), { durable: true, arguments: args });
        return true;
      } catch (error) {
        if (codeOf(error) === PRECONDITION_FAILED) return false;
        throw error;
      }
    });
  }

  async #declareShared(channel: Channel): Promise<void> {
    await this.#declareExchanges(channel);
    await this.#parts.catalogue.declare(channel);
  }

  async #declareExchanges(channel: Channel): Promise<void> {
    const { topics, due, undelivered } = this.#parts.names;
    await channel.assertExchange(topics, 'topic', { durable: true });
    await channel.assertExchange(due, 'topic', { durable: true, alternateExchange: undelivered });
  }

  async #declareQueues(channel: Channel, name: string): Promise<void> {
    const { names, queueType } = this.#parts;
    await channel.assertQueue(names.dead(name), this.#deadQueue(undefined));
    await channel.assertQueue(names.lane(name), {
      durable: true,
      arguments: {
        'x-queue-type': queueType,
        ...(queueType === 'quorum' && {
          ...AT_LEAST_ONCE,
          'x-delivery-limit': BACKSTOP,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': names.dead(name),
        }),
      },
    });
  }

  #deadQueue(expiresAfterMs: number | undefined) {
    const { queueType } = this.#parts;
    if (expiresAfterMs !== undefined) return { durable: true, arguments: { 'x-expires': expiresAfterMs } };
    // Looking at dead letters gives them back each time, which the broker counts.
    const args = { 'x-queue-type': queueType, ...(queueType === 'quorum' && { 'x-delivery-limit': 1e9 }) };
    return { durable: true, arguments: args };
  }

  async #bind(channel: Channel, { name, topics }: SubscriptionTopology): Promise<void> {
    const { names } = this.#parts;
    const lane = names.lane(name);
    await channel.bindQueue(lane, names.due, dueLane(name));
    for (const topic of topics) {
      await channel.bindQueue(lane, names.topics, topic);
      await channel.bindQueue(lane, names.due, dueTopic(topic));
    }
  }
}
