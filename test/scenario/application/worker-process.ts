import { join } from 'node:path';
import { type End, type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import type { WorkerOptions } from './worker.options.js';

const WORKER = join(import.meta.dirname, 'worker.ts');

const DEFAULTS = { aheadMs: 0, handlerMs: 4, lease: '30s', maxCrashes: 3, drain: '5s' } as const;

/** A worker in a process of its own. Loads at once, works when told to. */
export class WorkerProcess {
  constructor(readonly process: ScenarioProcess) {}

  get pid(): number {
    return this.process.pid;
  }

  get ended(): Promise<End> {
    return this.process.ended;
  }

  /** Starts, once it is loaded; it may be dead before it can say that it works. */
  async work(): Promise<void> {
    await this.process.heard();
    this.process.tell('work');
    await this.process.heard();
  }

  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<End> {
    return this.process.end(signal);
  }
}

/** The workers of one test: what they share, and what is the same for all of them. */
export class WorkerProcesses {
  readonly #processes = new ScenarioProcesses();

  constructor(
    private readonly shared: Pick<WorkerOptions, 'backend' | 'testimony'> & Partial<WorkerOptions>,
  ) {}

  start(options: Partial<WorkerOptions> = {}): WorkerProcess {
    return new WorkerProcess(this.#processes.start(WORKER, { ...DEFAULTS, ...this.shared, ...options }));
  }

  /** What they wrote to stderr. */
  get complaints(): string {
    return this.#processes.complaints;
  }

  close(): Promise<void> {
    return this.#processes.close();
  }
}
