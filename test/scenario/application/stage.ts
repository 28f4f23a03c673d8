import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Backend, Bus, type Depth, type MessageState, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { checkHistory, realTime, Recorder } from '@pigeonpost/queue/testing';
import { type Fact, historyOf, readTestimony } from './testimony.js';
import type { WorkerOptions } from './worker.options.js';

const RUN_SOURCES = join(import.meta.dirname, '../../run-sources.mjs');
const WORKER = join(import.meta.dirname, 'worker.ts');
/** Of a machine that is busy with other tests. */
const PATIENCE_MS = 20_000;
/** The clocks of two processes are read at different moments. */
const SLACK_MS = 50;

/** How a process ended: one of the two is null. */
export interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker in a process of its own. Loads at once, works when told to. */
export class WorkerProcess {
  readonly ended: Promise<End>;
  readonly #child: ChildProcess;
  readonly #said: AsyncIterator<string>;

  constructor(options: WorkerOptions) {
    const words = ['--import', RUN_SOURCES, WORKER, JSON.stringify(options)];
    this.#child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#said = lines[Symbol.asyncIterator]();
    this.ended = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }) as End);
  }

  /** Starts, once it is loaded; it may be dead before it can say that it works. */
  async work(): Promise<void> {
    await this.#said.next();
    this.#child.stdin?.write('work\n');
    await this.#said.next();
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<End> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    return this.ended;
  }
}

/** One SQLite file, its publisher (this process) and its workers (processes of their own, one after the other). */
export class Stage {
  readonly #workers: WorkerProcess[] = [];
  readonly #time = realTime();
  readonly #bus: Bus;

  private constructor(
    private readonly folder: string,
    private readonly backend: Backend,
    private readonly recorder: Recorder,
  ) {
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
    const worker = new WorkerProcess({
      file: fileIn(this.folder),
      testimony: this.#testimony,
      aheadMs: 0,
      handlerMs: 4,
      drain: '5s',
      ...options,
    });
    this.#workers.push(worker);
    return worker;
  }

  facts(): readonly Fact[] {
    return readTestimony(this.#testimony);
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
    await Promise.all(this.#workers.map((worker) => worker.end('SIGKILL')));
    await this.#bus.close();
    await this.backend.close(new Date(systemAmbient.clock.now() + 1_000));
    rmSync(this.folder, { recursive: true });
  }
}

function fileIn(folder: string): string {
  return join(folder, 'queue.db');
}
