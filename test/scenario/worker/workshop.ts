import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Backend, Bus, type Depth, type Peeked, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import { readNotes } from '../notes.js';
import { type LogLine, type Pace, SUBSCRIPTION, type WorkerOrder } from './worker.order.js';

const CHILD = join(import.meta.dirname, 'worker.child.ts');
const LOOK_EVERY_MS = 20;

/** A database, the workers on it, and the log of what they did. */
export class Workshop {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pigeonpost-worker-'));
  readonly #file = join(this.#folder, 'queue.db');
  readonly #log = join(this.#folder, 'log.ndjson');
  readonly #processes = new ScenarioProcesses();
  #backend!: Backend;
  #bus!: Bus;

  static async open(messages: number): Promise<Workshop> {
    const shop = new Workshop();
    const opened = await sqliteBackend.open('main', { file: shop.#file }, systemAmbient);
    shop.#backend = opened.backend;
    shop.#bus = new Bus({ backend: opened.backend, source: 'urn:test', ambient: systemAmbient });
    await opened.backend.ensure({ subscriptions: [SUBSCRIPTION] }, 'create');
    await shop.publish(idsUpTo(messages));
    return shop;
  }

  async publish(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#bus.publish('orders', { id }, { id })));
  }

  start(pace: Pace): ScenarioProcess {
    const order: WorkerOrder = { file: this.#file, log: this.#log, pace };
    return this.#processes.start(CHILD, order);
  }

  /** What one worker noted, in order. */
  linesOf(worker: ScenarioProcess): readonly LogLine[] {
    return readNotes<LogLine>(this.#log).filter(({ pid }) => pid === worker.pid);
  }

  async depth(): Promise<Depth> {
    const [depth] = await this.#bus.depth(SUBSCRIPTION.name);
    return depth as Depth;
  }

  dead(): Promise<readonly Peeked[]> {
    return this.#bus.deadLetters(SUBSCRIPTION.name).browse();
  }

  /** Waits until nothing is ready, delayed or held. */
  async emptied(): Promise<void> {
    for (;;) {
      const { ready, delayed, inflight } = await this.depth();
      if (ready + delayed + inflight === 0) return;
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

export const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, at) => `m-${at + 1}`);

/** Ids of the lines of one kind. */
export const idsOf = (lines: readonly LogLine[], what: LogLine['what']): string[] =>
  lines.filter((line) => line.what === what).map(({ id }) => id);
