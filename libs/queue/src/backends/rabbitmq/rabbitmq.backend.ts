import type { Ambient } from '../../ambient/ambient.js';
import {
  BackendClosedError,
  UnknownSubscriptionError,
  UnsupportedError,
} from '../../backend/backend.errors.js';
import type {
  Backend,
  BackendFactory,
  BackendStatus,
  OpenedBackend,
  PublishAnswers,
  PublishCall,
  PublishResult,
  Receiver,
  StatusListener,
} from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { Inspected, InspectQuery } from '../../backend/inspect.js';
import { redactorOf } from '../../backend/redactor.js';
import { checkTopology, type Drift, type SubscriptionSpec, type Topology } from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import { RabbitAdmin } from './rabbitmq.admin.js';
import { longestHoldMs, rabbitmqCapabilities } from './rabbitmq.capabilities.js';
import { RabbitCatalogue } from './rabbitmq.catalogue.js';
import { RabbitConnection } from './rabbitmq.connection.js';
import { dialer } from './rabbitmq.dial.js';
import { RabbitErrors } from './rabbitmq.errors.js';
import { type ForeignParts, RabbitForeign } from './rabbitmq.foreign.js';
import { ForeignTopics } from './rabbitmq.foreign-topics.js';
import { RabbitInspector } from './rabbitmq.inspector.js';
import { RabbitLevels } from './rabbitmq.levels.js';
import { RabbitNames } from './rabbitmq.names.js';
import { type ResolvedRabbitmqOptions, RabbitmqOptions, resolveOptions } from './rabbitmq.options.js';
import { RabbitPublisher } from './rabbitmq.publisher.js';
import { RabbitReceivers } from './rabbitmq.receivers.js';
import { RabbitSender } from './rabbitmq.sender.js';
import { RabbitShelves } from './rabbitmq.shelves.js';
import { RabbitStatus } from './rabbitmq.status.js';
import { within } from './rabbitmq.within.js';
import { RabbitTopology } from './rabbitmq.topology.js';

interface Parts {
  readonly options: ResolvedRabbitmqOptions;
  readonly ambient: Ambient;
  readonly errors: RabbitErrors;
  readonly status: RabbitStatus;
  readonly publishing: RabbitConnection;
  readonly consuming: RabbitConnection;
}

/** What a goodbye to the broker may take at least, however late it is. */
const GOODBYE_MS = 500;

/** Messages in the queues of RabbitMQ, by AMQP 0-9-1. */
class RabbitmqBackend implements Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #parts: Parts;
  readonly #sender: RabbitSender;
  readonly #topology: RabbitTopology;
  readonly #publisher: RabbitPublisher;
  readonly #receivers: RabbitReceivers;
  readonly #inspector: RabbitInspector;
  readonly #foreign: RabbitForeign;
  readonly #shelves: RabbitShelves;
  #closing: Promise<void> | undefined;

  constructor(name: string, parts: Parts) {
    const { options, ambient, errors, status, publishing, consuming } = parts;
    const { clock } = ambient;
    const { commandTimeoutMs, maxUnconfirmed, queueType } = options;
    this.name = name;
    this.#parts = parts;
    this.capabilities = rabbitmqCapabilities(options);
    const names = new RabbitNames(options.prefix);
    const admin = new RabbitAdmin({ connection: consuming, clock, errors, commandTimeoutMs });
    const calls = { clock, errors, status, commandTimeoutMs, maxUnconfirmed, connection: publishing };
    const senderWith = (restore: () => Promise<void>): RabbitSender =>
      new RabbitSender({ ...calls, restore });
    const sender = senderWith(() => this.#topology.prepare());
    const levels = new RabbitLevels(admin, names, queueType);
    const catalogue = new RabbitCatalogue({ names, admin, sender, clock, queueType });
    const foreign = this.#foreignOf(admin, senderWith);
    const { bindings } = foreign;
    const topology = new RabbitTopology({ names, admin, catalogue, queueType, errors, bindings });
    this.#foreign = foreign;
    this.#sender = sender;
    this.#topology = topology;
    this.#publisher = new RabbitPublisher({ owner: this, names, sender, levels, ambient });
    this.#receivers = new RabbitReceivers({
      backend: name,
      names,
      sender,
      levels,
      topology,
      foreign: foreign.topics,
      ambient,
      errors,
      status,
      connection: consuming,
      maxHoldMs: longestHoldMs(options),
      commandTimeoutMs,
      isClosed: () => this.#closing !== undefined,
    });
    this.#shelves = new RabbitShelves({ names, connection: consuming, errors, clock, commandTimeoutMs });
    this.#inspector = this.#inspectorOf(names, admin);
  }

  #foreignOf(admin: RabbitAdmin, sender: ForeignParts['sender']): RabbitForeign {
    const { options, status, ambient } = this.#parts;
    const topics = new ForeignTopics(options.exchanges);
    return new RabbitForeign({ owner: this, topics, admin, status, clock: ambient.clock, sender });
  }

  #inspectorOf(names: RabbitNames, admin: RabbitAdmin): RabbitInspector {
    return new RabbitInspector({
      backend: this.name,
      names,
      admin,
      topology: this.#topology,
      foreign: this.#foreign.topics,
      clock: this.#parts.ambient.clock,
      shelfOf: (subscription) => this.#shelves.of(subscription),
      inHand: (subscription) => this.#receivers.inHand(subscription),
    });
  }

  /** Before it is given to anybody. Rejects when the broker cannot be used. */
  async prepare(): Promise<void> {
    await this.#topology.prepare();
    await this.#foreign.bindings.check();
  }

  async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    this.#refuseWhenClosed('ensure the topology');
    if (mode === 'check') return this.#topology.check(topology);
    checkTopology(topology, this);
    await this.#topology.create(topology);
    return this.#topology.compare(topology);
  }

  async publish(batch: readonly Outgoing[], options?: PublishCall): Promise<readonly PublishResult[]> {
    this.#refuseWhenClosed('publish');
    if (batch.length === 0) return [];
    return this.#foreign.publish(batch, options, (own) => this.#publisher.publish(own, options));
  }

  readonly #publishOwn = (batch: readonly Outgoing[], answers: PublishAnswers): void =>
    this.#publisher.publishEach(batch, answers, undefined);

  publishEach(batch: readonly Outgoing[], answers: PublishAnswers): void {
    if (this.#closing === undefined) return this.#foreign.publishEach(batch, answers, this.#publishOwn);
    const error = new BackendClosedError(this.name, 'publish');
    for (const at of batch.keys()) answers.answered(at, { status: 'refused', error });
  }

  async open(subscription: SubscriptionSpec): Promise<Receiver> {
    this.#refuseWhenClosed('open a subscription');
    const { name, leaseMs } = subscription;
    const { lease } = this.capabilities;
    const longestMs = lease === false ? 0 : lease.maxMs;
    if (!(leaseMs > 0 && leaseMs <= longestMs)) {
      const remedy = `use more than 0 and at most ${longestMs} ms`;
      throw new UnsupportedError(this.name, `lease for ${leaseMs} ms`, remedy);
    }
    if (!(await this.#topology.exists(name))) throw new UnknownSubscriptionError(this.name, name);
    return this.#receivers.open(subscription);
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    this.#refuseWhenClosed('inspect');
    yield* this.#inspector.inspect(query);
  }

  status(): BackendStatus {
    return this.#parts.status.read();
  }

  onStatus(listener: StatusListener): void {
    this.#parts.status.onChange(listener);
  }

  close(deadline: Date): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: Date): Promise<void> {
    const { ambient, status, publishing, consuming } = this.#parts;
    const leftMs = Math.max(GOODBYE_MS, deadline.getTime() - ambient.clock.now());
    await within(ambient.clock, leftMs, this.#receivers.close());
    await within(ambient.clock, leftMs, this.#shelves.close());
    this.#foreign.close();
    this.#sender.close();
    await Promise.all([publishing.close(leftMs), consuming.close(leftMs)]);
    status.closed();
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closing !== undefined) throw new BackendClosedError(this.name, doing);
  }
}

async function open(name: string, given: RabbitmqOptions, ambient: Ambient): Promise<OpenedBackend> {
  const options = resolveOptions(name, given);
  const errors = new RabbitErrors(name, redactorOf([options.url, new URL(options.url).password]));
  const status = new RabbitStatus(ambient.clock);
  const dial = await dialer(name, options, ambient.clock);
  const shared = { dial, ambient, errors, status };
  const publishing = new RabbitConnection({ ...shared, role: 'publishing' });
  const consuming = new RabbitConnection({ ...shared, role: 'consuming' });
  try {
    const opening = await Promise.allSettled([publishing.open(), consuming.open()]);
    for (const each of opening) if (each.status === 'rejected') throw each.reason as QueueError;
    const backend = new RabbitmqBackend(name, { options, ambient, errors, status, publishing, consuming });
    await backend.prepare();
    return { backend };
  } catch (error) {
    await Promise.all([publishing.close(GOODBYE_MS), consuming.close(GOODBYE_MS)]);
    throw error;
  }
}

export const rabbitmqBackend: BackendFactory<RabbitmqOptions> = {
  kind: 'rabbitmq',
  optionsClass: RabbitmqOptions,
  foresee: (given) => ({
    capabilities: rabbitmqCapabilities(resolveOptions('rabbitmq', given)),
    remembers: false,
  }),
  open,
};
