import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Backend, Bus, type Depth, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import { readNotes } from '../notes.js';
import { type Effect, KEYS, MESSAGES_PER_KEY, type OrderingOrder, SUBSCRIPTION } from './ordering.order.js';

const CHILD = join(import.meta.dirname, 'ordering.child.ts');
const LOOK_EVERY_MS = 50;

/** A database with an ordered subscription, the workers on it, and the log of their effects. */
export class Ledger {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pigeonpost-ordering-'));
  readonly #order: OrderingOrder = {
    file: join(this.#folder, 'queue.db'),
    log: join(this.#folder, 'log.ndjson'),
    mended: join(this.#folder, 'mended'),
  };
  readonly #processes = new ScenarioProcesses();
  #backend!: Backend;
  #bus!: Bus;

  static async open(): Promise<Ledger> {
    const ledger = new Ledger();
    const options = { file: ledger.#order.file, synchronous: 'NORMAL' } as const;
    const { backend } = await sqliteBackend.open('main', options, systemAmbient);
    ledger.#backend = backend;
    ledger.#bus = new Bus({ backend, source: 'urn:test', ambient: systemAmbient });
    await backend.ensure({ subscriptions: [SUBSCRIPTION] }, 'create');
    return ledger;
  }

  /** All messages, those of each key in their order. */
  async publishAll(): Promise<void> {
    for (let number = 0; number < MESSAGES_PER_KEY; number++) {
      const keys = Array.from({ length: KEYS }, (_, at) => `key-${at}`);
      await Promise.all(keys.map((key) => this.#bus.publish('account.changed', number, { key })));
    }
  }

  start(): ScenarioProcess {
    return this.#processes.start(CHILD, this.#order);
  }

  /** In the order they happened. */
  effects(): readonly Effect[] {
    return readNotes(this.#order.log);
  }

  async depth(): Promise<Depth> {
    const [depth] = await this.#bus.depth(SUBSCRIPTION.name);
    return depth as Depth;
  }

  /** From now on nothing fails for good; answers how many dead letters were sent back. */
  async mendAndReplay(): Promise<number> {
    writeFileSync(this.#order.mended, '');
    const { replayed } = await this.#bus.deadLetters(SUBSCRIPTION.name).replayAll();
    return replayed;
  }

  /** Waits until nothing can be handled any more; what is held by a dead letter may stay. */
  async atRest(): Promise<Depth> {
    for (;;) {
      const depth = await this.depth();
      if (depth.ready + depth.delayed + depth.inflight === 0) return depth;
      await wait(LOOK_EVERY_MS);
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await wait(LOOK_EVERY_MS);
  }

  async close(): Promise<void> {
    await this.#processes.close();
    await this.#bus.close();
    await this.#backend.close(new Date(Date.now() + 500));
    rmSync(this.#folder, { recursive: true });
  }
}
