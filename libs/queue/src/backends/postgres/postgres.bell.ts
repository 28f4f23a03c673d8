import { createHash } from 'node:crypto';
import type { CancelTimer } from '../../ambient/clock.js';
import { sleep } from '../../ambient/clock.js';
import { reconnectDelayMs } from '../../backend/reconnect-delay.js';
import { PostgresConnection } from './postgres.connection.js';
import { explain, PostgresConnectionError } from './postgres.errors.js';
import type { PoolSetup } from './postgres.pool.js';

/** A process tells others no more often than this, whatever it publishes. */
const NOTIFY_EVERY_MS = 5;
/** Longest list of subscriptions that is told; a longer one means all. */
const MOST_TOLD = 500;
/** While nothing can be heard, receivers look at least this often. */
const DEAF_POLL_MS = 200;
/** How often, and how many times, it is guessed that a transaction of somebody else is over by now. */
const GUESS_EVERY_MS = 40;
const GUESSES = 25;
const PING = { name: 'pp_ping', text: 'SELECT 1' };
const NOTIFY = { name: 'pp_notify', text: 'SELECT pg_notify($1, $2)' };

/** The part of a pool that the bell needs. */
export interface Droppable {
  /** None of its connections is to be trusted any more. */
  dropAll(): void;
}

/**
 * Wakes idle receivers: those of this process directly, those of others by NOTIFY on a connection of its own, which never
 * shares a transaction with messages. A hint, never the truth: what is not heard is found by polling. The same connection
 * is asked every heartbeat whether the server is still there, and made again for ever.
 */
export class PostgresBell {
  readonly #setup: PoolSetup;
  readonly #pool: Droppable;
  readonly #channel: string;
  readonly #stop = new AbortController();
  readonly #listeners = new Map<number, Set<() => void>>();
  readonly #toTell = new Set<number>();
  readonly #guesses = new Map<number, number>();
  #connection: PostgresConnection | undefined;
  #cancelGuess: CancelTimer | undefined;
  #cancelTell: CancelTimer | undefined;
  #isListening = false;
  #toldAt = -Infinity;
  #last: Promise<unknown> = Promise.resolve();
  #failures = 0;

  constructor(setup: PoolSetup, pool: Droppable) {
    this.#setup = setup;
    this.#pool = pool;
    const digest = createHash('sha256').update(setup.options.schema).digest('hex');
    this.#channel = `pigeonpost_${digest.slice(0, 16)}`;
  }

  /** Takes over the first connection. */
  start(connection: PostgresConnection): void {
    void this.#run(connection);
  }

  /** How long an idle receiver may sleep: a tenth more or less, so that processes do not look in step. */
  get pollMs(): number {
    const { options, ambient } = this.#setup;
    const most = this.#hears() ? options.pollMs : Math.min(options.pollMs, DEAF_POLL_MS);
    return most * (0.9 + 0.2 * ambient.random.next());
  }

  /** Calls `wake` whenever messages of the subscription may have become ready, until the returned function is called. */
  listen(subscriptionId: number, wake: () => void): () => void {
    const listeners = this.#listeners.get(subscriptionId) ?? new Set();
    this.#listeners.set(subscriptionId, listeners.add(wake));
    if (!this.#isListening) this.#listenNow();
    return () => {
      listeners.delete(wake);
      if (listeners.size === 0 && this.#listeners.get(subscriptionId) === listeners)
        this.#listeners.delete(subscriptionId);
    };
  }

  /** After a commit: messages of these subscriptions may have become ready. */
  ring(subscriptionIds: Iterable<number>): void {
    for (const id of subscriptionIds) {
      this.#wake(id);
      this.#toTell.add(id);
    }
    this.#tellSoon();
  }

  /** Somebody else is about to commit messages for these: tells of them now and again for a while. */
  ringLater(subscriptionIds: Iterable<number>): void {
    for (const id of subscriptionIds) this.#guesses.set(id, GUESSES);
    this.#guessSoon();
  }

  #guessSoon(): void {
    if (this.#cancelGuess !== undefined || this.#guesses.size === 0) return;
    this.#cancelGuess = this.#setup.ambient.clock.timer(GUESS_EVERY_MS, () => {
      this.#cancelGuess = undefined;
      this.ring(this.#guesses.keys());
      for (const [id, left] of this.#guesses) {
        if (left > 1) this.#guesses.set(id, left - 1);
        else this.#guesses.delete(id);
      }
      this.#guessSoon();
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelTell?.();
    this.#cancelGuess?.();
    await this.#connection?.close();
  }

  #hears(): boolean {
    return this.#setup.options.pooler === 'none' && this.#connection?.isUsable === true;
  }

  #wake(subscriptionId: number): void {
    for (const wake of this.#listeners.get(subscriptionId) ?? []) wake();
  }

  #wakeAll(): void {
    for (const id of this.#listeners.keys()) this.#wake(id);
  }

  #tellSoon(): void {
    if (this.#cancelTell !== undefined || !this.#hears()) return;
    const { clock } = this.#setup.ambient;
    const waitMs = this.#toldAt + NOTIFY_EVERY_MS - clock.mono();
    if (waitMs <= 0) return this.#tell();
    this.#cancelTell = clock.timer(waitMs, () => {
      this.#cancelTell = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    const ids = [...this.#toTell];
    this.#toTell.clear();
    if (ids.length === 0 || !this.#hears()) return;
    this.#toldAt = this.#setup.ambient.clock.mono();
    const payload = ids.length > MOST_TOLD ? '' : ids.join(',');
    const telling = this.#inTurn(() => this.#connection?.run(NOTIFY, [this.#channel, payload]));
    telling.catch(() => undefined); // the heartbeat notices the end of the connection
  }

  #heard(payload: string): void {
    if (payload === '') return this.#wakeAll();
    for (const id of payload.split(',')) this.#wake(Number(id));
  }

  async #run(first: PostgresConnection): Promise<void> {
    for (let connection: PostgresConnection | undefined = first; !this.#stop.signal.aborted;) {
      if (connection !== undefined) await this.#stay(connection);
      connection = await this.#reconnect();
    }
  }

  /** Until the connection is lost. */
  async #stay(connection: PostgresConnection): Promise<void> {
    try {
      await this.#setUp(connection);
      this.#connection = connection;
      this.#failures = 0;
      if (this.#isListening) this.#listenNow();
      this.#wakeAll();
      await this.#watch(connection);
    } catch (error) {
      this.#lost(error, connection);
    } finally {
      this.#connection = undefined;
      connection.destroy();
    }
  }

  async #setUp(connection: PostgresConnection): Promise<void> {
    if (this.#setup.options.pooler !== 'none') return;
    connection.onNotification((payload) => this.#heard(payload));
    // A hint is not worth a wait for the disk.
    await connection.command('SET synchronous_commit = off');
  }

  /** From the first receiver on: who only publishes need not hear of it. */
  #listenNow(): void {
    this.#isListening = true;
    if (!this.#hears()) return;
    const listening = this.#inTurn(() => this.#connection?.command(`LISTEN ${this.#channel}`));
    listening.then(
      () => this.#wakeAll(),
      () => undefined,
    );
  }

  /** Rejects when the connection is lost, at once when it ends; resolves when this is closed. */
  async #watch(connection: PostgresConnection): Promise<void> {
    const { ambient, options, status } = this.#setup;
    const ended = new AbortController();
    connection.onEnd(() => ended.abort());
    const over = AbortSignal.any([ended.signal, this.#stop.signal]);
    for (;;) {
      await this.#answer(connection);
      status.worked();
      await sleep(ambient.clock, options.heartbeatMs, over);
      if (this.#stop.signal.aborted) return;
    }
  }

  /** A connection runs one statement at a time. */
  #inTurn(run: () => Promise<unknown> | undefined): Promise<unknown> {
    const turn = this.#last.then(run, run);
    this.#last = turn;
    return turn;
  }

  /** A process that was busy for long reads the answer before it counts as late. */
  #answer(connection: PostgresConnection): Promise<void> {
    const { ambient, options } = this.#setup;
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new PostgresConnectionError(`no answer for ${options.heartbeatMs} ms`));
      const cancel = ambient.clock.timer(options.heartbeatMs * 0.9, () => setImmediate(late));
      this.#inTurn(() => connection.run(PING, []))
        .then(() => resolve(), reject)
        .finally(cancel);
    });
  }

  /** One that does not answer says that of the others; one that has ended says it of itself only. */
  #lost(error: unknown, connection: PostgresConnection): void {
    if (this.#stop.signal.aborted) return;
    const { status, redact } = this.#setup;
    status.lost(new PostgresConnectionError(`the connection was lost: ${explain(error, redact)}`));
    if (connection.isUsable) this.#pool.dropAll();
  }

  /** undefined: not yet. */
  async #reconnect(): Promise<PostgresConnection | undefined> {
    const { ambient, driver, options, status, redact } = this.#setup;
    const { signal } = this.#stop;
    await sleep(ambient.clock, reconnectDelayMs(++this.#failures, ambient.random), signal);
    if (signal.aborted) return undefined;
    try {
      return await PostgresConnection.open(driver, options);
    } catch (error) {
      status.lost(new PostgresConnectionError(explain(error, redact)));
      return undefined;
    }
  }
}
