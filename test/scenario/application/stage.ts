import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, Bus, type Depth, type MessageState, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { checkHistory, realTime, Recorder } from '@pigeonpost/queue/testing';
import { readNotes } from '../notes.js';
import { type Fact, historyOf } from './testimony.js';
import { type WorkerProcess, WorkerProcesses } from './worker-process.js';
import type { WorkerOptions } from './worker.options.js';

/** Of a machine that is busy with other tests. */
const PATIENCE_MS = 20_000;
/** The clocks of two processes are read at different moments. */
const SLACK_MS = 50;

/** One SQLite file, its publisher (this process) and its workers (processes of their own, one after the other). */
export class Stage {
  readonly #workers: WorkerProcesses;
  readonly #time = realTime();
  readonly #bus: Bus;

  private constructor(
    private readonly folder: string,
    private readonly backend: Backend,
    private readonly recorder: Recorder,
  ) {
    this.#workers = new WorkerProcesses({
      backend: { driver: 'sqlite', options: { file: fileIn(folder) } },
      testimony: this.#testimony,
    });
    this.#bus = new Bus({ backend, source: 'urn:scenario:stage', ambient: systemAmbient });
  }

  static async open(): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-application-'));
    const opened = await sqliteBackend.open('events', { file: fileIn(folder) }, systemAmbient);
    const recorder = new Recorder(systemAmbient.clock);
    const backend = recorder.watch(opened.backend);
    await backend.ensure({ subscriptions: [{ name: 'work', topics: ['orders'] }] }, 'create');
    return new Stage(folder, backend, recorder);
  }

  get #testimony(): string {
    return join(this.folder, 'testimony.ndjson');
  }

  /** Stores messages and answers with their ids. */
  async publish(count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, at) => `m${at + 1}`);
    await Promise.all(ids.map((id) => this.#bus.publish('orders', { id }, { id })));
    return ids;
  }

  worker(options: Partial<WorkerOptions> = {}): WorkerProcess {
    return this.#workers.start(options);
  }

  facts(): readonly Fact[] {
    return readNotes(this.#testimony);
  }

  /** The ids of the messages in one state, each once. */
  async lying(state: MessageState): Promise<readonly string[]> {
    const ids: string[] = [];
    const query = { kind: 'browse', subscription: 'work', state, limit: 1_000 } as const;
    for await (const found of this.backend.inspect(query)) if (found.kind === 'message') ids.push(found.id);
    return ids;
  }

  until(condition: () => boolean): Promise<void> {
    return this.#time.until(condition, PATIENCE_MS);
  }

  /** Resolves when everything was handled, or rejects when that takes too long. */
  async untilDrained(): Promise<void> {
    for (const endsAt = systemAmbient.clock.mono() + PATIENCE_MS; ; await this.#time.pass(10)) {
      const [depth] = (await this.#bus.depth('work')) as [Depth];
      if (depth.ready + depth.delayed + depth.inflight === 0) return;
      if (systemAmbient.clock.mono() > endsAt) throw new Error(`not drained: ${JSON.stringify(depth)}`);
    }
  }

  /** What was wrong, as far as publisher and workers saw it. */
  wrong(): readonly string[] {
    const history = [...this.recorder.events, ...historyOf(this.facts())];
    return checkHistory(history, { remaining: [], slackMs: SLACK_MS });
  }

  async close(): Promise<void> {
    await this.#workers.close();
    await this.#bus.close();
    await this.backend.close(new Date(systemAmbient.clock.now() + 1_000));
    rmSync(this.folder, { recursive: true });
  }
}

function fileIn(folder: string): string {
  return join(folder, 'queue.db');
}
