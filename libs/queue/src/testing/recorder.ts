import type { Clock } from '../ambient/clock.js';
import type {
  Backend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import type { Overflowed } from '../backend/bounds.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import { isPattern, matchesTopic } from '../message/topic-pattern.js';
import type { Drift, SubscriptionSpec, Topology } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import type { HistoryEvent } from './history.js';

/** Writes down what happens at the seam, for the checker. Several connections may share one recorder. */
export class Recorder {
  readonly events: HistoryEvent[] = [];
  /** Topics by subscription. */
  readonly topology = new Map<string, Set<string>>();
  /** Ids by the refs that were browsed. */
  readonly seen = new Map<string, string>();
  /** Those of them that go with their receiver. */
  readonly ephemeral = new Set<string>();
  /** What is being created: a publish meanwhile may find it or not. */
  readonly #creating = new Set<Topology>();

  constructor(readonly clock: Clock) {}

  watch(backend: Backend): Backend {
    return new RecordedBackend(backend, this);
  }

  ensuring(topology: Topology): void {
    this.#creating.add(topology);
  }

  /** Whatever came of it. */
  tried(topology: Topology): void {
    this.#creating.delete(topology);
  }

  ensured(topology: Topology): void {
    for (const { name, topics, expiresAfterMs, start } of topology.subscriptions) {
      if (expiresAfterMs !== undefined && !this.topology.has(name)) this.ephemeral.add(name);
      const known = this.topology.get(name) ?? [];
      this.topology.set(name, new Set([...known, ...topics]));
      if (start === 'earliest') this.events.push({ kind: 'caught-up', subscription: name, topics });
    }
  }

  /** An ephemeral subscription is over, and whatever was in it with it. */
  removed(subscription: string): void {
    if (!this.ephemeral.delete(subscription)) return;
    this.topology.delete(subscription);
    this.events.push({ kind: 'removed', subscription });
  }

  /** The same after an overflow: others got the copies of those that were full. */
  targetsBeyond(to: readonly string[], overflowed: readonly Overflowed[]): readonly string[] {
    const full = new Set(overflowed.map(({ subscription }) => subscription));
    const others = [...this.topology].filter(([, topics]) =>
      overflowed.some(({ topic }) => topics.has(topic)),
    );
    return [...new Set([...to.filter((name) => !full.has(name)), ...others.map(([name]) => name)])];
  }

  /** Subscriptions that must get a copy. */
  targets(message: Outgoing): readonly string[] {
    if (message.to !== undefined) return [message.to];
    return [...this.topology].filter(([, topics]) => listens(topics, message.topic)).map(([name]) => name);
  }

  /** The same with those that are being created. */
  targetsSoon(message: Outgoing): readonly string[] {
    if (message.to !== undefined) return [message.to];
    const soon = [...this.#creating].flatMap(({ subscriptions }) => subscriptions);
    const names = soon
      .filter(({ topics }) => listens(new Set(topics), message.topic))
      .map(({ name }) => name);
    return [...new Set([...this.targets(message), ...names])];
  }
}

class RecordedBackend extends ForwardingBackend {
  constructor(
    inner: Backend,
    private readonly recorder: Recorder,
  ) {
    super(inner);
  }

  override async ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    if (mode === 'check') return this.inner.ensure(topology, mode);
    this.recorder.ensuring(topology);
    try {
      const drifts = await this.inner.ensure(topology, mode);
      this.recorder.ensured(topology);
      return drifts;
    } finally {
      this.recorder.tried(topology);
    }
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const targets = batch.map((message) => this.recorder.targets(message));
    // Written down before the answer: a message may be handled before its publisher hears of it.
    const slots = batch.map((message, at) => this.#note(message, targets[at] as readonly string[]));
    const results = await this.inner.publish(batch, call);
    results.forEach((result, at) => {
      // In a transaction it is stored or not when that is over, which nobody tells the recorder.
      if (call?.tx === undefined || result.status === 'refused')
        this.#noteResult(slots[at] as number, result);
    });
    return results;
  }

  /** What a bus uses where the backend has it. */
  get publishNow(): Backend['publishNow'] {
    const publishNow = this.inner.publishNow?.bind(this.inner);
    return publishNow && ((message) => this.#publishNow(message, publishNow));
  }

  /** The same. */
  get publishEach(): Backend['publishEach'] {
    const publishEach = this.inner.publishEach?.bind(this.inner);
    return (
      publishEach &&
      ((batch, answers) => {
        const slots = batch.map((message) => this.#note(message, this.recorder.targets(message)));
        publishEach(batch, {
          answered: (at, result) => {
            this.#noteResult(slots[at] as number, result);
            answers.answered(at, result);
          },
        });
      })
    );
  }

  #publishNow(message: Outgoing, publishNow: (message: Outgoing) => PublishResult): PublishResult {
    const slot = this.#note(message, this.recorder.targets(message));
    const result = publishNow(message);
    this.#noteResult(slot, result);
    return result;
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new RecordedReceiver(await this.inner.open(spec), this.recorder, spec.name);
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    // Written down before the answer: what is alive again may be delivered before anyone hears of it.
    const slot = query.kind === 'revive' ? this.#noteRevival(query) : 0;
    for await (const found of this.inner.inspect(query)) {
      if (found.kind === 'message') this.recorder.seen.set(found.ref, found.id);
      if (found.kind === 'purged' && query.kind === 'cancel') {
        this.recorder.events.push({ kind: 'cancelled', id: query.id });
      }
      if (found.kind === 'purged' && query.kind === 'purge' && query.state !== 'dead') {
        this.recorder.events.push({ kind: 'purged', subscription: query.subscription, count: found.count });
      }
      if (found.kind === 'revived' && query.kind === 'revive') {
        this.recorder.events[slot] = { ...this.#revival(query), count: found.count };
      }
      yield found;
    }
  }

  #noteRevival(query: InspectQuery & { kind: 'revive' }): number {
    return this.recorder.events.push(this.#revival(query)) - 1;
  }

  #revival({ subscription, ref }: InspectQuery & { kind: 'revive' }): HistoryEvent & { kind: 'revived' } {
    return { kind: 'revived', subscription, ref, id: this.recorder.seen.get(ref), count: 0 };
  }

  #noteResult(slot: number, result: PublishResult): void {
    const { events } = this.recorder;
    const event = events[slot] as HistoryEvent & { kind: 'published' };
    events[slot] = { ...event, to: this.#targetsOf(event, result), result };
  }

  #targetsOf(
    { message, to }: { message: Outgoing; to: readonly string[] },
    result: PublishResult,
  ): readonly string[] {
    if (result.status !== 'stored') return to;
    if (result.pressure !== undefined) return this.recorder.targetsBeyond(to, result.pressure.overflowed);
    if (result.copies === to.length) return to;
    // A subscription that came to be meanwhile: the backend says whether it was there in time.
    const soon = this.recorder.targetsSoon(message);
    return result.copies === soon.length ? soon : to;
  }

  #note(message: Outgoing, to: readonly string[]): number {
    const result = { status: 'unknown' } as PublishResult;
    return this.recorder.events.push({ kind: 'published', message, to, result }) - 1;
  }
}

const NO_ANSWER = new BackendUnavailableError('recorded', 'settle', 'no answer came');

class RecordedReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly recorder: Recorder,
    private readonly subscription: string,
  ) {
    super(inner);
  }

  override async close(): Promise<void> {
    await this.inner.close();
    this.recorder.removed(this.subscription);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries = await this.inner.receive(max, signal);
    const at = this.recorder.clock.mono();
    for (const delivery of deliveries) this.recorder.events.push({ kind: 'delivered', delivery, at });
    return deliveries;
  }

  override async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    // Written down before the answer: what a release gives back may be delivered before its owner hears of it.
    const slots = acts.map((act) => this.#note(act));
    const results = await this.inner.settle(acts);
    results.forEach((result, n) => {
      const { events } = this.recorder;
      const slot = slots[n] as number;
      events[slot] = { ...(events[slot] as HistoryEvent & { kind: 'settled' }), result };
    });
    return results;
  }

  #note(act: Settlement): number {
    const { events, clock } = this.recorder;
    return events.push({ kind: 'settled', act, result: NO_ANSWER, at: clock.mono() }) - 1;
  }
}

function listens(topics: ReadonlySet<string>, topic: string): boolean {
  return topics.has(topic) || [...topics].some((each) => isPattern(each) && matchesTopic(each, topic));
}
