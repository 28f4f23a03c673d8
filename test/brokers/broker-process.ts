import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerHome, BrokerKind } from './broker-kind.js';
import type { BrokerName } from './broker-name.js';
import { ChildTree } from './child-tree.js';
import { freePorts } from './free-ports.js';
import { postgresKind } from './postgres.kind.js';
import { findPrograms, programOf, textOf } from './programs.js';
import { rabbitmqEnv, rabbitmqKind } from './rabbitmq.kind.js';
import { redisKind } from './redis.kind.js';

export const KINDS: Readonly<Record<BrokerName, BrokerKind>> = {
  postgres: postgresKind,
  redis: redisKind,
  rabbitmq: rabbitmqKind,
};

/** A broker on a busy machine is slow to start; one that takes longer than this will not come. */
const READY_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 50;
/** An orderly end that takes longer is none. */
const STOP_WITHIN_MS = 20_000;
const LOG_LINES = 40;

/** A broker of one's own: to be killed, stopped and paused, and to come back with the same port and data. */
export class BrokerProcess {
  readonly #kind: BrokerKind;
  readonly #home: BrokerHome;
  #tree: ChildTree | undefined;

  private constructor(kind: BrokerKind, home: BrokerHome) {
    this.#kind = kind;
    this.#home = home;
  }

  /**
   * Starts one, empty, and waits until it can be used.
   * @param settings of the server, in its own words, such as `{ maxmemory: '8mb' }`.
   * @throws BrokerMissingError
   */
  static async start(
    name: BrokerName,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<BrokerProcess> {
    const kind = KINDS[name];
    const programs = await findPrograms(kind);
    const folder = await mkdtemp(join(tmpdir(), `pigeonpost-${name}-`));
    const [port = 0, ...spare] = await freePorts(3);
    const broker = new BrokerProcess(kind, { folder, port, spare, programs, settings });
    try {
      await kind.prepare(broker.#home);
      await broker.start();
    } catch (error) {
      await broker.dispose();
      throw error;
    }
    return broker;
  }

  get name(): BrokerName {
    return this.#kind.name;
  }

  get url(): string {
    return this.#kind.url(this.#home);
  }

  get isRunning(): boolean {
    return this.#tree?.isRunning ?? false;
  }

  /** Where it keeps everything. */
  get folder(): string {
    return this.#home.folder;
  }

  get port(): number {
    return this.#home.port;
  }

  /** Starts it again after kill or stop, and waits until it can be used. */
  async start(): Promise<void> {
    await this.#reap();
    const { folder } = this.#home;
    const tree = new ChildTree(await this.#kind.launch(this.#home), { log: this.#log, folder });
    this.#tree = tree;
    const deadline = Date.now() + READY_WITHIN_MS;
    for (let problem: unknown; ; await pause(ASK_AGAIN_MS)) {
      if (!tree.isRunning || Date.now() > deadline) throw await this.#failure(problem);
      try {
        await this.version();
        return;
      } catch (error) {
        problem = error;
      }
    }
  }

  /** As if the power went: no process of it does another step. */
  async kill(): Promise<void> {
    await this.#tree?.signalAll('SIGKILL');
    await this.#reap();
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    await this.resume();
    this.#tree?.signal(this.#kind.stopSignal);
    await this.#reapWithin(STOP_WITHIN_MS);
  }

  /** Stops its processes in the middle of what they do: connections stay open, and nobody answers. */
  async pause(): Promise<void> {
    await this.#tree?.signalAll('SIGSTOP');
  }

  async resume(): Promise<void> {
    await this.#tree?.signalAll('SIGCONT');
  }

  /** Asks the broker. Rejects when it does not answer. */
  version(): Promise<string> {
    return this.#kind.version(this.url);
  }

  /** Of its processes. */
  async pids(): Promise<readonly number[]> {
    return (await this.#tree?.pids()) ?? [];
  }

  /** What it wrote, for the message of a failed test. */
  async logs(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  }

  /** Runs RabbitMQ's own tool against this node, and gives what it says. */
  rabbitmqctl(...args: readonly string[]): Promise<string> {
    const env = { PATH: process.env['PATH'] ?? '', LANG: 'C', ...rabbitmqEnv(this.#home) };
    return textOf({ program: programOf(this.#home, 'rabbitmqctl'), args: ['--quiet', ...args], env });
  }

  /** Ends it, whatever it is doing, and removes its data. */
  async dispose(): Promise<void> {
    await this.#end();
    await rm(this.#home.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #end(): Promise<void> {
    await this.resume();
    if (this.#kind.endSignal === 'SIGKILL') return this.kill();
    this.#tree?.signal(this.#kind.endSignal);
    return this.#reapWithin(STOP_WITHIN_MS);
  }

  get #log(): string {
    return join(this.#home.folder, 'broker.log');
  }

  async #reapWithin(ms: number): Promise<void> {
    const late = setTimeout(() => void this.#tree?.signalAll('SIGKILL'), ms);
    await this.#reap();
    clearTimeout(late);
  }

  async #reap(): Promise<void> {
    await this.#tree?.reap();
    this.#tree = undefined;
  }

  async #failure(problem: unknown): Promise<Error> {
    const why = problem instanceof Error ? problem.message : 'it ended';
    return new Error(`${this.name} did not get ready (${why}). It wrote:\n${await this.logs()}`);
  }
}
