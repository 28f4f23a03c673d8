import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const RUN_SOURCES = join(import.meta.dirname, '../run-sources.mjs');

/** How a process ended: one of the two is null. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of a scenario that runs the TypeScript sources. Its order reaches it by `orderOf`. */
export class ScenarioProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly ended: Promise<End>;
  /** What it wrote to stderr. */
  complaints = '';
  /** Whether that is shown as well; a test that wants a failure need not. */
  isShown = true;

  /** @param file full path of the script. @param order plain data. */
  constructor(file: string, order: object) {
    const words = ['--import', RUN_SOURCES, file, JSON.stringify(order)];
    this.#child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.ended = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }) as End);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.complaints += bytes.toString();
      if (this.isShown) process.stderr.write(bytes);
    });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The next line that it writes to stdout; undefined when it has ended. */
  async heard(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : (value as string);
  }

  /** Writes a line to its stdin. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Sends a signal, if it still runs. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<End> {
    this.signal(signal);
    return this.ended;
  }
}

/** The processes of one test, none of which outlives it. */
export class ScenarioProcesses {
  readonly #started: ScenarioProcess[] = [];

  start(file: string, order: object): ScenarioProcess {
    const child = new ScenarioProcess(file, order);
    this.#started.push(child);
    return child;
  }

  get complaints(): string {
    return this.#started.map(({ complaints }) => complaints).join('');
  }

  async close(): Promise<void> {
    // A process that is stopped ends no sooner than it goes on.
    for (const child of this.#started) child.signal('SIGCONT');
    await Promise.all(this.#started.map((child) => child.end('SIGKILL')));
  }
}

/** What the process was told at its start. */
export function orderOf<Order extends object>(): Order {
  return JSON.parse(process.argv[2] as string) as Order;
}
