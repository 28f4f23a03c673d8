import type { Redis } from 'ioredis';
import type { Ambient } from '../../ambient/ambient.js';
import { loadDriver } from '../../backend/load-driver.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import type { StatusRecord } from '../../backend/status-record.js';
import { ClusterNode } from './redis.cluster-node.js';
import { codeOf, isAnswer, isFromWrongServer, type RedisErrors } from './redis.errors.js';
import { driverOptions } from './redis.driver-options.js';
import { Handshake } from './redis.handshake.js';
import type { ResolvedRedisOptions } from './redis.options.js';
import { Pulse } from './redis.pulse.js';
import type { Script } from './redis.script.js';
import type { Argument } from './redis.wire.js';

export interface LinkParts {
  readonly options: ResolvedRedisOptions;
  readonly ambient: Ambient;
  readonly errors: RedisErrors;
  readonly status: StatusRecord;
}

type Driver = Pick<typeof import('ioredis'), 'Redis' | 'Command'>;

/**
 * One connection that comes back for ever. A call is sent once: what was sent when the connection broke has an unknown
 * outcome and is never repeated by itself.
 */
export class RedisLink {
  readonly #parts: LinkParts;
  readonly #driver: Driver;
  readonly #redis: Redis;
  readonly #pulse: Pulse;
  readonly #handshake: Handshake;
  readonly #node: ClusterNode;
  readonly #root: string;
  readonly #whenUp = new Set<() => void>();
  #lastError = 'the connection ended';
  #isLoading = false;
  #wasReady = false;
  /** Answers of a wrong server in a row. */
  #wrongAnswers = 0;
  #state: 'opening' | 'open' | 'closed' = 'opening';

  private constructor(parts: LinkParts, driver: Driver) {
    const { options, ambient } = parts;
    this.#parts = parts;
    this.#driver = driver;
    this.#root = rootOf(options.prefix);
    this.#redis = new driver.Redis(
      options.url,
      driverOptions(options, (times) => this.#retryMs(times)),
    );
    this.#node = new ClusterNode(this.#redis.options);
    this.#pulse = new Pulse({
      clock: ambient.clock,
      heartbeatMs: options.heartbeatMs,
      commandTimeoutMs: options.commandTimeoutMs,
      ping: () => void this.#send('ping', 'ping', []).catch(() => undefined),
      dead: (why) => this.#drop(why),
    });
    this.#handshake = new Handshake({
      clock: ambient.clock,
      connectTimeoutMs: options.connectTimeoutMs,
      ask: () => this.#redis.info('persistence'),
      loading: () => this.#loading(),
      late: () => this.#late(),
    });
    this.#listen();
  }

  /** Throws BackendUnavailableError when the server cannot be reached, or does not let us in, within the time for it. */
  static async open(parts: LinkParts): Promise<RedisLink> {
    const driver = await loadDriver('ioredis', () => import('ioredis'));
    const link = new RedisLink(parts, driver);
    await link.#open();
    return link;
  }

  get isUp(): boolean {
    return this.#redis.status === 'ready' && this.#redis.stream.writable;
  }

  /** Calls back whenever a connection is ready. */
  onUp(listener: () => void): void {
    this.#redis.on('ready', listener);
  }

  /** Calls back with every message of a channel that `subscribe` was called for. */
  onMessage(listener: (channel: string) => void): void {
    this.#redis.on('message', listener);
  }

  /** Rejects with BackendUnavailableError when it was certainly not done, with PublishOutcomeUnknownError otherwise. */
  async run(doing: string, script: Script, args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.#send(doing, 'evalsha', [script.sha, 1, this.#root, ...args]);
    } catch (error) {
      if (!(error instanceof UnknownScript)) throw error;
      return this.#send(doing, 'eval', [script.text, 1, this.#root, ...args]);
    }
  }

  /** A plain command; bulk answers are bytes. */
  call(doing: string, name: string, args: readonly Argument[]): Promise<unknown> {
    return this.#send(doing, name, args);
  }

  /** True as soon as it is connected; false at `untilMs` (monotonic), when told to give up, or when closed. */
  async whenUp(untilMs: number, signal?: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts.ambient;
    while (!this.isUp && this.#state !== 'closed' && !signal?.aborted && clock.mono() < untilMs) {
      await this.#nextChange(untilMs - clock.mono(), signal);
    }
    return this.isUp;
  }

  /** After an answer of another node: whether it is connected to the one that has the keys, as far as it was told. */
  async isAtOtherNode(): Promise<boolean> {
    const { ambient, options } = this.#parts;
    return this.#node.isElsewhere && this.whenUp(ambient.clock.mono() + options.connectTimeoutMs);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#pulse.stop();
    this.#handshake.end();
    this.#redis.disconnect();
    this.#redis.stream?.destroy();
    this.#changed();
  }

  async #open(): Promise<void> {
    const { options, errors } = this.#parts;
    this.#handshake.begin();
    try {
      await this.#redis.connect();
      this.#state = 'open';
    } catch {
      this.close();
      const where = 'check the URL, and that the server runs and lets this host in';
      throw errors.notDone('connect', `${this.#lastError} (within ${options.connectTimeoutMs} ms): ${where}`);
    }
  }

  #retryMs(times: number): number | undefined {
    const { random } = this.#parts.ambient;
    return this.#state === 'open' ? reconnectDelayMs(Math.max(times, this.#wrongAnswers), random) : undefined;
  }

  #listen(): void {
    const { status, errors } = this.#parts;
    this.#redis.on('error', (error: Error) => (this.#lastError = errors.explain(error)));
    this.#redis.on('connect', () => this.#handshake.connected());
    this.#redis.on('ready', () => {
      this.#handshake.end();
      this.#wasReady = true;
      this.#pulse.start();
      if (this.#wrongAnswers === 0) status.worked();
      this.#changed();
    });
    this.#redis.on('close', () => {
      this.#pulse.stop();
      this.#handshake.end();
      if (!this.#wasReady) this.#node.forget();
      this.#wasReady = false;
      if (this.#state === 'open') status.lost(errors.notDone('keep its connection', this.#lastError));
      this.#changed();
    });
  }

  #loading(): void {
    if (this.isUp) return;
    const { status, errors } = this.#parts;
    this.#isLoading = true;
    this.#lastError = errors.loading();
    status.lost(errors.notDone('use its connection', this.#lastError));
  }

  /** The start waits no longer than it was told to; who runs already waits for as long as the server loads. */
  #late(): void {
    const isWorthWaiting = this.#isLoading && this.#state === 'open';
    const why = this.#isLoading ? this.#lastError : 'it did not answer';
    this.#isLoading = false;
    if (isWorthWaiting) this.#handshake.connected();
    else this.#drop(why);
  }

  #drop(why: string): void {
    this.#lastError = why;
    this.#redis.stream?.destroy();
  }

  async #send(doing: string, name: string, args: readonly Argument[]): Promise<unknown> {
    if (!this.isUp) throw this.#parts.errors.notDone(doing, `it is not connected: ${this.#lastError}`);
    const command = new this.#driver.Command(name, args as (string | Buffer | number)[]);
    this.#pulse.sent();
    try {
      const reply: unknown = await this.#redis.sendCommand(command);
      this.#wrongAnswers = 0;
      this.#parts.status.worked();
      return reply;
    } catch (error) {
      throw this.#failure(doing, error as Error);
    } finally {
      this.#pulse.answered();
    }
  }

  /** Takes nothing of the driver's error but its text: it carries the command. */
  #failure(doing: string, error: Error): Error {
    const { errors, status } = this.#parts;
    if (!isAnswer(error)) return errors.unknown(doing, `the connection broke: ${this.#lastError}`);
    if (codeOf(error) === 'NOSCRIPT') return new UnknownScript();
    const refused = errors.refused(doing, error);
    status.failed(refused);
    if (!isFromWrongServer(error)) return refused;
    this.#wrongAnswers++;
    this.#node.follow(error.message);
    this.#drop(errors.explain(error));
    return refused;
  }

  #nextChange(maxMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#whenUp.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#parts.ambient.clock.timer(maxMs, done);
      this.#whenUp.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #changed(): void {
    for (const wake of this.#whenUp) wake();
  }
}

/** The server has never seen the script, or has forgotten it. */
class UnknownScript extends Error {}

/** The hash tag keeps all keys of one prefix on one node of a cluster. */
export function rootOf(prefix: string): string {
  return `{${prefix}}`;
}
