import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { BrokerLaunch } from './broker-kind.js';

/** Ends a group of processes and removes its folder, unless it reads a line first: so it does when its parent is gone. */
const WATCH = 'read -r line || { kill -s KILL -- "-$1" 2>/dev/null; rm -rf "$2"; }';

/** A program with everything that it starts, to be signalled as one. Whatever happens to us, none of it outlives us. */
export class ChildTree {
  readonly #child: ChildProcess;
  readonly #watch: ChildProcess;
  readonly ended: Promise<void>;

  /** @param log file that its output is appended to. @param folder removed if this process dies without a word. */
  constructor({ program, args, env, owner }: BrokerLaunch, { log, folder }: { log: string; folder: string }) {
    const output = openSync(log, 'a');
    this.#child = spawn(program, args, {
      cwd: folder,
      // A group of its own: the Ctrl-C that ends us is not for it.
      detached: true,
      stdio: ['ignore', output, output],
      env: { PATH: process.env['PATH'], LANG: 'C', ...env },
      ...owner,
    });
    closeSync(output);
    this.#watch = spawn('sh', ['-c', WATCH, 'sh', String(this.#child.pid), folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('error', () => resolve());
      this.#child.on('exit', () => resolve());
    });
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Signals the program alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Of the program and all its descendants. */
  async pids(): Promise<readonly number[]> {
    const { pid } = this.#child;
    return pid === undefined || !this.isRunning ? [] : [pid, ...(await descendants(pid))];
  }

  /** Signals the program and all its descendants. */
  async signalAll(signal: NodeJS.Signals): Promise<void> {
    for (const pid of await this.pids()) signalProcess(pid, signal);
  }

  /** Waits for the end, then ends what is left of its group, and the watch. */
  async reap(): Promise<void> {
    await this.ended;
    if (this.#child.pid !== undefined) signalProcess(-this.#child.pid, 'SIGKILL');
    this.#watch.stdin?.on('error', () => undefined);
    this.#watch.stdin?.end('done\n');
    if (this.#watch.exitCode === null) await new Promise((resolve) => this.#watch.once('exit', resolve));
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Some servers give their children groups of their own, so the group does not tell. */
async function descendants(pid: number): Promise<readonly number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = listed.split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(children.map(descendants));
  return [...children, ...below.flat()];
}
