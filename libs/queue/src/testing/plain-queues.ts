import type { Backend, BackendFactory, Receiver } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { Inspected, InspectQuery } from '../backend/inspect.js';
import { RestoringReceiver } from '../backend/restoring-receiver.js';
import {
  type Drift,
  InvalidTopologyError,
  type SubscriptionSpec,
  type Topology,
} from '../backend/topology.js';

/**
 * A backend with the fan-out of a plain queue service: each topic has one queue, whatever the subscriptions that listen
 * to it are called, and they share what is in it.
 */
export class PlainQueues extends ForwardingBackend {
  /** The only topic of each subscription. */
  readonly #topics: Map<string, string>;

  /** Connections to one broker share `topics`. */
  constructor(inner: Backend, topics = new Map<string, string>()) {
    super(inner);
    this.#topics = topics;
  }

  override get capabilities(): Capabilities {
    return {
      ...super.capabilities,
      fanout: 'none',
      lane: false,
      log: false,
      bounds: false,
      wildcards: false,
    };
  }

  override async ensure(
    { subscriptions, ...rest }: Topology,
    mode: 'create' | 'check',
  ): Promise<readonly Drift[]> {
    const queues = new Set(subscriptions.map((each) => topicOf(each)));
    const wanted = [...queues].map((topic) => ({ name: topic, topics: [topic] }));
    const drifts = await this.inner.ensure({ ...rest, subscriptions: wanted }, mode);
    if (mode === 'create') for (const each of subscriptions) this.#topics.set(each.name, topicOf(each));
    return drifts.flatMap((drift) =>
      subscriptions
        .filter((each) => topicOf(each) === drift.subscription)
        .map(({ name }) => ({ ...drift, subscription: name })),
    );
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    const receiver = await this.inner.open({ ...spec, name: topicOf(spec) });
    return new RestoringReceiver(receiver, () => ({ subscription: spec.name }));
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    const { subscription } = query as { subscription?: string };
    if (query.kind === 'cancel') return yield* this.inner.inspect(query);
    const names = subscription === undefined ? [...this.#topics.keys()] : [subscription];
    for (const name of names) {
      const below = { ...query, subscription: this.#topics.get(name) ?? name } as InspectQuery;
      for await (const found of this.inner.inspect(below)) {
        yield 'subscription' in found ? { ...found, subscription: name } : found;
      }
    }
  }
}

/** The same for a backend that a factory opens. For one process only, which remembers the subscriptions. */
export function plainQueues<Options extends object>(
  factory: BackendFactory<Options>,
): BackendFactory<Options> {
  const { kind, optionsClass } = factory;
  return {
    kind,
    optionsClass,
    async open(name, options, ambient) {
      const opened = await factory.open(name, options, ambient);
      return { ...opened, backend: new PlainQueues(opened.backend) };
    },
  };
}

function topicOf({ name, topics }: Pick<SubscriptionSpec, 'name' | 'topics'>): string {
  const [topic, second] = topics;
  if (topic !== undefined && second === undefined) return topic;
  throw new InvalidTopologyError(
    `subscription "${name}" listens to ${topics.length} topics: a plain queue has one`,
  );
}
