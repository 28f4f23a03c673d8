import type { CancelTimer } from '../../ambient/clock.js';
import type { Random } from '../../ambient/random.js';
import { turns } from '../virtual-clock.js';

/** Enough for what one task sets going to come to rest: a settler's turn, then a consumer's. */
const TURNS_PER_TASK = 2;

/** Something that one owner does at or after `dueAt`. */
interface ScheduledTask {
  readonly owner: string;
  readonly dueAt: number;
  readonly run: () => void;
}

/**
 * The only source of time in a simulation. Every timer and every arrival on a wire is a task with an owner; of those
 * that are due, chance picks the next one, and time jumps only when none is. The same chance gives the same order,
 * because nothing here waits for anything real.
 */
export class SimulationScheduler {
  #nowMs = 0;
  #tasks: ScheduledTask[] = [];
  readonly #frozen = new Set<string>();
  readonly #dead = new Set<string>();

  constructor(private readonly random: Random) {}

  /** Virtual ms since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Tasks that wait for their time. */
  get pending(): number {
    return this.#tasks.length;
  }

  /** Owners of the tasks that wait for their time. */
  owners(): readonly string[] {
    return this.#tasks.map(({ owner }) => owner);
  }

  after(owner: string, delayMs: number, run: () => void): CancelTimer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay in milliseconds, got NaN');
    if (this.#dead.has(owner)) return nothing;
    const task = { owner, dueAt: this.#nowMs + Math.max(0, delayMs), run };
    this.#tasks.push(task);
    return () => {
      const at = this.#tasks.indexOf(task);
      if (at >= 0) this.#tasks.splice(at, 1);
    };
  }

  /** The owner's tasks wait, however overdue, until `thaw`: SIGSTOP. */
  freeze(owner: string): void {
    this.#frozen.add(owner);
  }

  thaw(owner: string): void {
    this.#frozen.delete(owner);
  }

  /** The owner's tasks never run: kill -9. */
  kill(owner: string): void {
    this.#dead.add(owner);
    this.#frozen.delete(owner);
    this.#tasks = this.#tasks.filter((task) => task.owner !== owner);
  }

  /** Runs one task that is due by `untilMs`; false, and time is `untilMs`, when there is none. */
  async runNext(untilMs: number): Promise<boolean> {
    const task = this.#pick(untilMs);
    if (task === undefined) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    this.#nowMs = Math.max(this.#nowMs, task.dueAt);
    task.run();
    await turns(TURNS_PER_TASK);
    return true;
  }

  /** Lets `ms` go by. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turns(TURNS_PER_TASK);
    while (await this.runNext(untilMs));
  }

  #pick(untilMs: number): ScheduledTask | undefined {
    let firstDueAt = Infinity;
    for (const { owner, dueAt } of this.#tasks) {
      if (dueAt < firstDueAt && !this.#frozen.has(owner)) firstDueAt = dueAt;
    }
    if (firstDueAt > untilMs || firstDueAt === Infinity) return undefined;
    const present = Math.max(firstDueAt, this.#nowMs);
    const due = this.#tasks.filter(({ owner, dueAt }) => dueAt <= present && !this.#frozen.has(owner));
    return due[Math.floor(this.random.next() * due.length)];
  }
}

const nothing: CancelTimer = () => undefined;
