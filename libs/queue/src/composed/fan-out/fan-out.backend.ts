import { sleep } from '../../ambient/clock.js';
import type { Backend, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import { UnroutableError } from '../../backend/backend.errors.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { Inspected, InspectQuery } from '../../backend/inspect.js';
import { RestoringReceiver } from '../../backend/restoring-receiver.js';
import {
  checkTopology,
  type Drift,
  type SubscriptionSpec,
  type SubscriptionTopology,
  type Topology,
} from '../../backend/topology.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Store } from '../../store/store.js';
import { changesOf, copyFor, queueOf, sourceOf, uncopied } from './copy.js';
import { copyingCapabilities } from './copying-capabilities.js';
import { Listeners, type Listening } from './listeners.js';
import { type CopyingParts, openCopying } from './topic-copies.js';

export interface FanOutOptions extends Pick<CopyingParts, 'ambient' | 'host'> {
  /** Remembers who listens to what; the same for every process that uses the broker. */
  readonly store: Store;
}

/**
 * Named subscriptions for a broker whose topics have one queue each. What is published to a topic is taken from its
 * queue and copied to a queue of every subscription, confirmed before it is forgotten: at least once, with the same id.
 * Every process that has ensured or opened a subscription of a topic takes part in the copying.
 */
export class FanOutBackend extends ForwardingBackend {
  readonly #parts: CopyingParts;
  readonly #listeners: Listeners;
  readonly #stop = new AbortController();
  /** By topic: resolves with the wait for its end once it has begun. */
  readonly #copying = new Map<string, Promise<() => Promise<void>>>();

  constructor(inner: Backend, { store, ambient, host }: FanOutOptions) {
    super(inner);
    this.#listeners = new Listeners(store, ambient.clock);
    this.#parts = { broker: inner, listeners: this.#listeners, ambient, host };
  }

  override get capabilities(): Capabilities {
    return copyingCapabilities(this.inner.capabilities);
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    checkTopology(topology, this);
    const { subscriptions } = topology;
    const listening = subscriptions.flatMap(({ name, topics }) =>
      topics.map((topic) => ({ topic, subscription: name })),
    );
    const topics = [...new Set(listening.map(({ topic }) => topic))];
    const drifts = await this.inner.ensure(queuesFor(topology, topics), mode);
    const missing = drifts.filter(({ kind, subscription }) => {
      return kind === 'missing-subscription' && subscriptions.some(({ name }) => name === subscription);
    });
    const differing = driftOf(subscriptions, missing, await this.#listeners.all());
    if (mode === 'check') return [...missing, ...differing];
    await this.#listeners.add(listening); // not before: what is copied to no queue is refused for good
    await Promise.all(topics.map((topic) => this.#copy(topic)));
    return differing.filter(({ kind }) => kind === 'extra-topic');
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    const { order: _none, ...plain } = spec;
    const receiver = await this.inner.open({ ...plain, topics: [queueOf(spec.name)] });
    await Promise.all(spec.topics.map((topic) => this.#copy(topic)));
    return new RestoringReceiver(receiver, changesOf);
  }

  /** Called below before this returns: a transaction may depend on it. */
  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const going = batch.map((message) => (message.to === undefined ? message : copyFor(message.to, message)));
    const results = await this.inner.publish(going, call);
    return Promise.all(results.map((result, at) => this.#answer(batch[at] as Outgoing, result)));
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    for await (const found of this.inner.inspect(query)) {
      yield found.kind === 'message' ? uncopied(found) : found;
    }
  }

  /** Lets the copies under way end; what waits is copied by the next process. */
  override async close(deadline: Date): Promise<void> {
    this.#stop.abort();
    const { clock } = this.#parts.ambient;
    const over = new AbortController();
    const ended = Promise.allSettled([...this.#copying.values()].map(async (begun) => (await begun)()));
    const leftMs = Math.max(0, deadline.getTime() - clock.now());
    await Promise.race([ended.then(() => over.abort()), sleep(clock, leftMs, over.signal)]);
    await this.inner.close(deadline);
  }

  /** Once per topic; after a failure, again with the next call. */
  async #copy(topic: string): Promise<void> {
    let begun = this.#copying.get(topic);
    if (begun === undefined) {
      begun = openCopying(topic, this.#parts, this.#stop.signal);
      this.#copying.set(topic, begun);
      begun.catch(() => this.#copying.delete(topic));
    }
    await begun;
  }

  /** A subscription that comes before the message was copied gets it too, so that nobody knows all the copies yet. */
  async #answer({ topic, to }: Outgoing, result: PublishResult): Promise<PublishResult> {
    if (to !== undefined) {
      const isNowhere = result.status === 'refused' && result.error instanceof UnroutableError;
      return isNowhere ? { status: 'refused', error: new UnroutableError(this.name, topic, to) } : result;
    }
    if (result.status !== 'stored' || result.duplicate) return result;
    const copies = await this.#listeners.lately(topic).then(
      ({ length }) => length,
      () => 0, // it is stored, whatever the store says
    );
    return { ...result, copies, retained: true };
  }
}

/** A queue for each subscription, and one for each topic. */
function queuesFor({ topics, subscriptions }: Topology, listenedTo: readonly string[]): Topology {
  const own = subscriptions.map(({ name }) => ({ name, topics: [queueOf(name)] }));
  const shared = listenedTo.map((topic) => ({ name: sourceOf(topic), topics: [topic] }));
  return { ...(topics !== undefined && { topics }), subscriptions: [...own, ...shared] };
}

function driftOf(
  subscriptions: readonly SubscriptionTopology[],
  missing: readonly Drift[],
  all: readonly Listening[],
): readonly Drift[] {
  return subscriptions.flatMap(({ name, topics }): readonly Drift[] => {
    if (missing.some(({ subscription }) => subscription === name)) return [];
    const heard = all.filter(({ subscription }) => subscription === name).map(({ topic }) => topic);
    const drift = (kind: Drift['kind'], topic: string): Drift => ({ kind, subscription: name, topic });
    return [
      ...topics.filter((topic) => !heard.includes(topic)).map((topic) => drift('missing-topic', topic)),
      ...heard.filter((topic) => !topics.includes(topic)).map((topic) => drift('extra-topic', topic)),
    ];
  });
}
