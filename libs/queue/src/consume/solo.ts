import type { CancelTimer, Clock } from '../ambient/clock.js';

/** How long a suspect waits for the handlers of others to end before it runs beside them. */
const PATIENCE_MS = 10_000;
/** How long the others stand still once it may run: handlers can take hours, and what ends a process does so sooner. */
const LONGEST_MS = 30_000;

/** One consumer, as the others of its process see it. */
export interface SoloMember {
  readonly clock: Clock;
  /** Handlers at work; those that were given up do not count. */
  readonly running: () => number;
  /** What has not started goes back, and nothing more is taken. */
  readonly hold: () => void;
  /** There may be something to start, or to take. */
  readonly free: () => void;
}

/**
 * Lets one consumer of a process handle a message while no other one handles anything: a message that has ended a
 * process before must not take others with it. The others give back what they have not started, and their running
 * handlers end first, or are waited for no longer than a few seconds. A suspect that goes on for longer than half a
 * minute is alone no more.
 */
export class Solo {
  readonly #members = new Set<SoloMember>();
  /** Who wants to be alone; the first one is, or will be. */
  #line: SoloMember[] = [];
  #impatient = false;
  #cancel: CancelTimer | undefined;

  join(member: SoloMember): void {
    this.#members.add(member);
  }

  leave(member: SoloMember): void {
    this.#members.delete(member);
    this.done(member);
  }

  /** The member holds a message that has to be handled alone. */
  ask(member: SoloMember): void {
    if (this.#line.includes(member)) return;
    this.#line.push(member);
    if (this.#line.length === 1) this.#begin(member);
  }

  /** The member holds no such message any more. */
  done(member: SoloMember): void {
    const [first] = this.#line;
    this.#line = this.#line.filter((other) => other !== member);
    if (first !== member) return;
    this.#cancel?.();
    const [next] = this.#line;
    if (next !== undefined) this.#begin(next);
    else for (const other of this.#members) other.free();
  }

  /** Somebody is alone, or wants to be. */
  get isAsked(): boolean {
    return this.#line.length > 0;
  }

  /** Somebody else is alone, or about to be. */
  excludes(member: SoloMember): boolean {
    return this.#line.length > 0 && this.#line[0] !== member;
  }

  /** Whether the member may start a handler now. */
  allows(member: SoloMember): boolean {
    if (this.#line.length === 0) return true;
    return this.#line[0] === member && (this.#impatient || this.#isAlone(member));
  }

  /** To be called when a handler of a member has ended. */
  ended(): void {
    const [first] = this.#line;
    if (first !== undefined && this.#isAlone(first)) first.free();
  }

  #begin(member: SoloMember): void {
    this.#impatient = false;
    this.#cancel = member.clock.timer(PATIENCE_MS, () => this.#run(member));
    for (const other of this.#members) if (other !== member) other.hold();
    // Whoever holds tells that it has nothing any more, so the member may have had its turn by now.
    if (this.#line[0] === member && this.#isAlone(member)) member.free();
  }

  #run(member: SoloMember): void {
    this.#impatient = true;
    this.#cancel = member.clock.timer(LONGEST_MS, () => this.done(member));
    member.free();
  }

  #isAlone(member: SoloMember): boolean {
    for (const other of this.#members) if (other !== member && other.running() > 0) return false;
    return true;
  }
}

/** That of this process. */
export const PROCESS_SOLO = new Solo();
