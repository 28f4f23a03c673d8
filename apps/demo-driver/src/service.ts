import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { waitUntil } from './wait-until.js';

export interface ServiceSpec {
  readonly name: string;
  /** The module to run, by this process's own Node. */
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What its log says when it is up. */
  readonly ready: RegExp;
  readonly logFile: string;
  /** Ends the waiting for the start. */
  readonly signal: AbortSignal;
}

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 10_000;

/** One of the demo's processes: started, killed, started again. */
export class Service {
  #child: ChildProcess | undefined;

  constructor(readonly spec: ServiceSpec) {}

  /** Resolves with what `ready` matched. Rejects with the end of the log when the process ends before. */
  async start(): Promise<RegExpExecArray> {
    const { name, ready, signal } = this.spec;
    const before = this.#log().length;
    const child = this.#spawn();
    const patience = { what: `the start of the ${name}`, deadlineMs: START_DEADLINE_MS, signal };
    return waitUntil(patience, () => {
      const match = ready.exec(this.#log().slice(before));
      if (match === null && !isRunning(child)) throw new Error(`the ${name} ended: ${this.logTail()}`);
      return match;
    });
  }

  get running(): boolean {
    return this.#child !== undefined && isRunning(this.#child);
  }

  /** As `kill -9` does: without a last word. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As an orchestrator does: SIGTERM, and SIGKILL for who does not go. Answers the exit code; null after SIGKILL. */
  async stop(): Promise<number | null> {
    const patience = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_DEADLINE_MS);
    try {
      return await this.#end('SIGTERM');
    } finally {
      clearTimeout(patience);
    }
  }

  /** The last lines it wrote. */
  logTail(): string {
    return this.#log().trimEnd().split('\n').slice(-15).join('\n');
  }

  /** Its output goes straight to the file, so it needs nobody to read it. */
  #spawn(): ChildProcess {
    const { script, environment, logFile } = this.spec;
    const log = openSync(logFile, 'a');
    this.#child = spawn(process.execPath, [...process.execArgv, script], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment, NO_COLOR: '1' },
    });
    closeSync(log);
    return this.#child;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (isRunning(child)) {
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  }

  #log(): string {
    return existsSync(this.spec.logFile) ? readFileSync(this.spec.logFile, 'utf8') : '';
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
