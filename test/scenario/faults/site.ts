import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, Bus, type Depth, QueueError, systemAmbient } from '@pigeonpost/queue';
import { FaultProxy, realTime } from '@pigeonpost/queue/testing';
import type { BrokerProcess } from '../../brokers/broker-process.js';
import { type Fact, idsOf } from '../application/testimony.js';
import { WorkerProcesses } from '../application/worker-process.js';
import type { Work } from '../application/worker.options.js';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import { readNotes } from '../notes.js';
import { factoryOf, type ScenarioBackend } from '../scenario-backend.js';
import { BACK_WITHIN_MS, type FaultSubject, LEASE_MS, reach } from './fault-subject.js';
import { type Burst, produce, type Told } from './producer.js';
import { type FaultTime, reconcile } from './reconcile.js';
import type { ProducerOrder } from './producer.child.js';

const PRODUCER = join(import.meta.dirname, 'producer.child.ts');
const SUBSCRIPTION = 'work';
/** Of a machine that is busy with other tests. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 20;

let sites = 0;

/** One subscription on a broker, its producers and workers, and a network that fails between the workers and the broker. */
export class Site {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pigeonpost-faults-'));
  readonly #time = realTime();
  readonly #told: Told[] = [];
  readonly #faults: FaultTime[] = [];
  readonly #processes = new ScenarioProcesses();
  readonly workers: WorkerProcesses;

  private constructor(
    readonly subject: FaultSubject,
    readonly broker: BrokerProcess,
    readonly network: FaultProxy,
    /** Past the network that fails. */
    private readonly direct: ScenarioBackend,
    private readonly backend: Backend,
    /** Past it, too. */
    readonly bus: Bus,
    through: ScenarioBackend,
  ) {
    this.workers = new WorkerProcesses({
      backend: through,
      testimony: this.#testimony,
      lease: `${LEASE_MS}ms`,
      maxCrashes: 20,
      healthEveryMs: 100,
    });
  }

  static async open(subject: FaultSubject, broker: BrokerProcess): Promise<Site> {
    const name = `faults${process.pid}n${++sites}`;
    const network = await FaultProxy.before(broker.url);
    const direct = reach(subject, broker.url, name);
    const factory = await factoryOf(direct);
    const { backend } = await factory.open('events', direct.options, systemAmbient);
    await backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: ['orders'] }] }, 'create');
    const bus = new Bus({ backend, source: 'urn:scenario:site', ambient: systemAmbient });
    return new Site(
      subject,
      broker,
      network,
      direct,
      backend,
      bus,
      reach(subject, network.through(broker.url), name),
    );
  }

  /** Everything that workers said: what their operators were told, and how they ended. */
  everythingSaid(): string {
    const logged = this.facts.flatMap((fact) => (fact.fact === 'logged' ? [fact.text] : []));
    return [...logged, this.workers.complaints].join('\n');
  }

  /** The way of somebody who is not let in. */
  wrongPassword(): ScenarioBackend {
    const url = new URL(this.broker.url);
    url.password = 's3cret-and-wrong';
    return { ...this.direct, options: { ...this.direct.options, url: url.href } };
  }

  get #testimony(): string {
    return join(this.#folder, 'testimony.ndjson');
  }

  get #producerNotes(): string {
    return join(this.#folder, 'told.ndjson');
  }

  /** What everybody who published was told, in order. */
  get told(): readonly Told[] {
    return [...this.#told, ...readNotes<Told>(this.#producerNotes)];
  }

  get facts(): readonly Fact[] {
    return readNotes(this.#testimony);
  }

  /** Publishes from this process, past the network that fails. */
  produce(burst: Burst, stop?: AbortSignal): Promise<void> {
    const note = (told: Told): void => void this.#told.push(told);
    return produce(this.bus, burst, { note, ...(stop && { stop }) });
  }

  /** Publishes from this process until that is over, whatever goes wrong meanwhile. */
  async producing<T>(meanwhile: () => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const burst = { name: 'steady', count: Infinity, atOnce: 4, restMs: 20 };
    const produced = this.produce(burst, stop.signal);
    try {
      return await meanwhile();
    } finally {
      stop.abort();
      await produced;
    }
  }

  /** How many publishes were answered. */
  answered(outcome?: Told['outcome']): number {
    return this.told.filter((each) => each.outcome !== 'sent' && (outcome ?? each.outcome) === each.outcome)
      .length;
  }

  /** The states that the workers found themselves in, in order. */
  get health(): readonly string[] {
    return this.facts.flatMap((fact) => (fact.fact === 'health' ? [fact.state] : []));
  }

  /** Publishes one message past the network, and resolves when it was handled: how long it took, in ms. */
  async canary(id: string): Promise<number> {
    const startedAt = performance.now();
    const isEarly = (): boolean => performance.now() - startedAt < BACK_WITHIN_MS;
    // One that is refused is certainly not stored: a publish may end just before the connection is made again.
    const again = (error: QueueError): Promise<void> => {
      if (error.code !== 'unavailable' || !isEarly()) throw error;
      return this.publish({ id }).catch(again);
    };
    await this.publish({ id }).catch(again);
    await this.until(() => this.handled().has(id));
    return performance.now() - startedAt;
  }

  /** Publishes one message from this process; rejects unless it is stored. */
  async publish(work: Work): Promise<void> {
    await this.bus.publish('orders', work, { id: work.id });
    this.#told.push({ id: work.id, outcome: 'stored', afterMs: 0 });
  }

  /** Publishes from a process of its own. */
  producer(burst: Burst): ScenarioProcess {
    const order: ProducerOrder = { backend: this.direct, notes: this.#producerNotes, burst };
    return this.#processes.start(PRODUCER, order);
  }

  /** When that happened, by the wall clock; undefined: not yet. */
  effectAt(id: string): number | undefined {
    const fact = this.facts.find((each) => each.fact === 'effect' && each.id === id);
    return fact !== undefined && 'at' in fact ? fact.at : undefined;
  }

  handled(): ReadonlySet<string> {
    return new Set(idsOf(this.facts, 'effect'));
  }

  async until(condition: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
    const endsAt = performance.now() + patienceMs;
    while (!(await condition())) {
      if (performance.now() > endsAt)
        throw new Error(`not within ${patienceMs} ms: ${condition.toString()}\n${this.#last()}`);
      await this.#time.pass(LOOK_EVERY_MS);
    }
  }

  /** Does what ends or silences connections, and notes when. */
  async fault(strike: () => Promise<void>): Promise<void> {
    const from = Date.now();
    await strike();
    this.#faults.push({ from, to: Date.now() });
  }

  pass(ms: number): Promise<void> {
    return this.#time.pass(ms);
  }

  async depth(): Promise<Depth> {
    const [depth] = await this.bus.depth(SUBSCRIPTION);
    return depth as Depth;
  }

  /** Resolves when nothing is left to handle: a count alone would not do, because some brokers do not see what others hold. */
  async untilDrained(): Promise<void> {
    await this.until(() => this.#isIdle());
    const stored = this.told.filter(({ outcome }) => outcome === 'stored').map(({ id }) => id);
    const dead = new Set(await this.dead());
    await this.until(() => {
      const handled = this.handled();
      return stored.every((id) => handled.has(id) || dead.has(id));
    });
    await this.until(() => this.#isIdle());
  }

  async #isIdle(): Promise<boolean> {
    try {
      const { ready, delayed, inflight } = await this.depth();
      return ready + delayed + inflight === 0;
    } catch (error) {
      // The broker came back a moment ago.
      if (error instanceof QueueError && error.code === 'unavailable') return false;
      throw error;
    }
  }

  async dead(): Promise<readonly string[]> {
    const letters = await this.bus.deadLetters(SUBSCRIPTION).browse();
    return letters.map(({ id }) => id);
  }

  /** Holds what producers were told against what workers did. Empty: nothing lost, and no repeat that is not explained. */
  async wrong(): Promise<readonly string[]> {
    const faults = this.subject.settled === 'on its way' ? this.#faults : [];
    return reconcile({ told: this.told, facts: this.facts, dead: await this.dead(), faults });
  }

  async close(): Promise<void> {
    this.network.heal();
    await Promise.all([this.workers.close(), this.#processes.close()]);
    await this.bus.close();
    await this.backend.close(new Date(Date.now() + 1_000));
    await this.network.close();
    rmSync(this.#folder, { recursive: true });
  }

  #last(): string {
    return this.facts
      .slice(-20)
      .map((fact) => JSON.stringify(fact))
      .join('\n');
  }
}
