import type { Ambient } from '../ambient/ambient.js';
import type {
  Backend,
  OpenedBackend,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { Depth, InspectQuery, Inspected, MessageState, Peeked } from '../backend/inspect.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import type { Delivery } from '../message/delivery.js';
import type { FailureRecord } from '../message/failure-record.js';
import { NO_HEADERS } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import type { SqlExecutor } from '../composed/outbox/sql-executor.js';
import type { Store } from '../store/store.js';
import { checkHistory } from './checker.js';
import { LawBrokenError, must, mustEqual } from './expectations.js';
import type { DelayStorePair, LawTransaction, World } from './fixture.js';
import type { LawTime } from './law-time.js';
import { Recorder } from './recorder.js';
import { turns } from './virtual-clock.js';

/** Where a law does its work unless it says otherwise. */
export const TOPIC = 'laws.topic';
export const SUBSCRIPTION = 'laws.subscription';
/** Length of a lease in laws, in ms: long against slack, short against patience. */
export const LEASE_MS = 1_500;
const PATIENCE_MS = 10_000;
const WAITING = ['ready', 'delayed', 'held'] as const;
/** How long a receive may take to end when it is told to. */
const END_MS = 1_000;

/** What a law works with: a recorded backend with one subscription, and verbs for the common moves. */
export class LawBench {
  readonly time: LawTime;
  readonly ambient: Ambient;
  readonly recorder: Recorder;
  #connections: OpenedBackend[] = [];
  #backend!: Backend;
  #cleanups: (() => Promise<void>)[] = [];

  private constructor(private readonly world: World) {
    this.time = world.time;
    this.ambient = world.ambient;
    this.recorder = new Recorder(world.time.clock);
  }

  static async open(world: World): Promise<LawBench> {
    const bench = new LawBench(world);
    bench.#backend = await bench.connect();
    await bench.ensure({ [SUBSCRIPTION]: [TOPIC] });
    return bench;
  }

  get backend(): Backend {
    return this.#backend;
  }

  get capabilities(): Capabilities {
    return this.#backend.capabilities;
  }

  /** What a consumer of this bench is made with. */
  altered(options: ConsumerOptions): ConsumerOptions {
    return this.world.alterConsumer?.(options) ?? options;
  }

  get store(): Store | undefined {
    return this.stores[0];
  }

  /** Those of all connections, in the order in which they were made. */
  get stores(): readonly (Store | undefined)[] {
    return this.#connections.map(({ store }) => store);
  }

  /** Drops every connection and connects anew, as a restarted process would. */
  async reconnect(): Promise<void> {
    await this.#cleanUp();
    await this.#disconnect();
    this.#backend = await this.connect();
    if (this.capabilities.durable !== 'process') return;
    for (const [name, topics] of this.recorder.topology) await this.ensure({ [name]: [...topics] });
  }

  /** One more connection to the same broker. */
  async connect(): Promise<Backend> {
    const opened = await this.world.connect();
    this.#connections.push(opened);
    return this.recorder.watch(opened.backend);
  }

  /** One more connection, from a host whose wall clock is `offsetMs` off. */
  async connectSkewed(offsetMs: number): Promise<Backend> {
    const opened = await this.world.connectSkewed?.(offsetMs);
    must(opened !== undefined, 'the fixture has no `connectSkewed`, which many hosts need');
    this.#connections.push(opened);
    return this.recorder.watch(opened.backend);
  }

  /** The application's database as one process of it sees it: as it is, unless a mutant alters it. */
  sqlOf(executor: SqlExecutor): SqlExecutor {
    return this.world.alterSql?.(executor) ?? executor;
  }

  /** What a delay store of one process is made of: as it is, unless a mutant alters it. */
  delayStoreOf(pair: DelayStorePair): DelayStorePair {
    return this.world.alterDelayStore?.(pair) ?? pair;
  }

  /** A transaction of the law's own. Throws where the fixture does not say how to begin one. */
  async begin(): Promise<LawTransaction> {
    const begun = await this.world.begin?.();
    must(begun !== undefined, 'the fixture has no `begin`, which tx: enlist needs');
    return begun;
  }

  /** Runs when the law is over, last one first. */
  onEnd(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  async ensure(topics: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const subscriptions = Object.entries(topics).map(([name, of]) => ({ name, topics: of }));
    await this.#backend.ensure({ subscriptions }, 'create');
  }

  message(given: Partial<Outgoing> = {}): Outgoing {
    const plain = { topic: TOPIC, to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined };
    const id = this.ambient.ids.next(this.ambient.clock.now());
    return { ...plain, id, body: '{"plain":true}', headers: NO_HEADERS, event: undefined, ...given };
  }

  messages(count: number, given: Partial<Outgoing> = {}): readonly Outgoing[] {
    return Array.from({ length: count }, () => this.message(given));
  }

  /** Publishes and insists that all of it is stored. */
  async publish(...messages: readonly Outgoing[]): Promise<readonly string[]> {
    for (const result of await this.tryPublish(...messages)) {
      if (result.status !== 'stored')
        throw new LawBrokenError(`a publish ended as ${result.status}: ${result.error.message}`);
    }
    return messages.map(({ id }) => id);
  }

  tryPublish(...messages: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    return this.#backend.publish(messages);
  }

  async receiver(name = SUBSCRIPTION, leaseMs = LEASE_MS): Promise<Receiver> {
    const receiver = await this.#backend.open({ name, topics: [TOPIC], leaseMs });
    this.onEnd(() => receiver.close());
    return receiver;
  }

  /** Exactly `count` deliveries; throws when they do not come. */
  async take(receiver: Receiver, count: number, maxMs = PATIENCE_MS): Promise<readonly Delivery[]> {
    const taken: Delivery[] = [];
    const abort = new AbortController();
    const taking = this.#takeInto(taken, receiver, { count, signal: abort.signal });
    try {
      await this.time.until(() => taken.length >= count, maxMs);
    } catch (cause) {
      throw new LawBrokenError(`${taken.length} of ${count} deliveries came within ${maxMs} ms`, { cause });
    } finally {
      await this.endReceives(abort, taking);
    }
    return taken;
  }

  async takeOne(receiver: Receiver, maxMs = PATIENCE_MS): Promise<Delivery> {
    const [delivery] = await this.take(receiver, 1, maxMs);
    return delivery as Delivery;
  }

  async #takeInto(
    taken: Delivery[],
    receiver: Receiver,
    { count, signal }: { count: number; signal: AbortSignal },
  ): Promise<void> {
    while (taken.length < count && !signal.aborted) {
      const deliveries = await receiver.receive(count - taken.length, signal);
      taken.push(...deliveries);
      if (deliveries.length === 0) await turns(1); // a receiver that answers at once must not stop the world
    }
  }

  /** Tells receives to end, and insists that they do: one that does not would stop the law for ever. */
  async endReceives(abort: AbortController, receives: Promise<unknown>): Promise<void> {
    let ended = false;
    abort.abort();
    const ending = receives.finally(() => (ended = true));
    await this.time.until(() => ended, END_MS);
    await ending;
  }

  /** Insists that nothing comes for `ms`. */
  async silence(receiver: Receiver, ms: number): Promise<void> {
    const taken: Delivery[] = [];
    const abort = new AbortController();
    const taking = this.#takeInto(taken, receiver, { count: 1, signal: abort.signal });
    await this.time.pass(ms);
    await this.endReceives(abort, taking);
    must(taken.length === 0, `${taken[0]?.id} was delivered, and nothing may come`);
  }

  async settle(receiver: Receiver, ...acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return receiver.settle(acts);
  }

  /** Acknowledges and insists on ok. */
  async ack(receiver: Receiver, ...deliveries: readonly Delivery[]): Promise<void> {
    const results = await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
    mustEqual(
      results,
      deliveries.map(() => 'ok'),
      'the answer to acknowledgements',
    );
  }

  failure(attempt: number, given: Partial<FailureRecord> = {}): FailureRecord {
    const error = {
      name: 'TypeError',
      message: `attempt ${attempt} failed`,
      stack: 'TypeError: …\n    at “here”',
    };
    const at = this.ambient.clock.now();
    return { attempt, at, reason: 'handler_error', error, handler: 'Laws.handle', host: 'laws:1', ...given };
  }

  async depth(subscription = SUBSCRIPTION): Promise<Depth> {
    const [depth] = await this.inspect({ kind: 'depth', subscription });
    if (depth?.kind !== 'depth') throw new LawBrokenError(`no depth of ${subscription} was given`);
    return depth;
  }

  /** Insists on so many ready messages: at once where they are counted exactly, and soon where they are not. */
  async readyIs(count: number, subscription = SUBSCRIPTION): Promise<void> {
    for (let looks = this.capabilities.depth === 'exact' ? 1 : 200; ; looks--) {
      const { ready } = await this.depth(subscription);
      if (ready === count) return;
      must(looks > 1, `${ready} are ready in ${subscription}, and ${count} must be`);
      await this.time.pass(50);
    }
  }

  async browse(state: MessageState, subscription = SUBSCRIPTION): Promise<readonly Peeked[]> {
    const found = await this.inspect({ kind: 'browse', subscription, state, limit: 100_000 });
    return found.filter((item) => item.kind === 'message');
  }

  async inspect(query: InspectQuery): Promise<readonly Inspected[]> {
    const found: Inspected[] = [];
    for await (const item of this.#backend.inspect(query)) found.push(item);
    return found;
  }

  /** After every law: nothing may be left over, and the history must hold. Throws LawBrokenError. */
  async finish(): Promise<void> {
    await this.#cleanUp();
    await this.#catchLateDuplicates();
    const wrong: string[] = [];
    const remaining: Peeked[] = [];
    for (const name of this.recorder.topology.keys()) {
      const { ready, delayed, held, inflight } = await this.depth(name);
      if (ready + delayed + held + inflight > 0) {
        const counts = `${ready} ready, ${delayed} delayed, ${held} held, ${inflight} in flight`;
        wrong.push(`${name} is not at rest: ${counts}`);
      }
      const states = this.capabilities.browse === 'all' ? WAITING : []; // nothing waits, or that is wrong already
      for (const state of states) remaining.push(...(await this.browse(state, name)));
    }
    wrong.push(...checkHistory(this.recorder.events, { remaining, slackMs: this.time.slackMs }));
    if (wrong.length > 0) throw new LawBrokenError(wrong.slice(0, 5).join('; '));
  }

  async #cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.toReversed()) await cleanup();
    this.#cleanups = [];
  }

  /** What was acknowledged must not come back when its lease would have ended. */
  async #catchLateDuplicates(): Promise<void> {
    const hadDeliveries = this.recorder.events.some(({ kind }) => kind === 'delivered');
    if (hadDeliveries) await this.time.pass(LEASE_MS + 2 * this.time.slackMs);
    for (const name of this.recorder.topology.keys()) {
      const { ready } = await this.depth(name);
      if (ready > 0) await this.take(await this.receiver(name), ready);
    }
    await this.#cleanUp();
  }

  async dispose(): Promise<void> {
    await this.#cleanUp();
    await this.#disconnect();
    await this.world.dispose();
  }

  async #disconnect(): Promise<void> {
    for (const { backend, store } of this.#connections.toReversed()) {
      await backend.close(new Date(this.ambient.clock.now() + PATIENCE_MS));
      await store?.close();
    }
    this.#connections = [];
  }
}
