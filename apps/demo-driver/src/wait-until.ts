import { setTimeout as sleep } from 'node:timers/promises';

export class DeadlineError extends Error {}

export interface Patience {
  /** What is waited for, for the error. */
  readonly what: string;
  readonly deadlineMs: number;
  /** Default 50. */
  readonly everyMs?: number;
  /** Ends the waiting by throwing its reason. */
  readonly signal: AbortSignal;
}

/** Asks again and again until there is an answer other than undefined and false. Throws DeadlineError. */
export async function waitUntil<T>(
  { what, deadlineMs, everyMs = 50, signal }: Patience,
  ask: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadlineAt = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as NonNullable<Exclude<T, false>>;
    }
    if (performance.now() > deadlineAt) throw new DeadlineError(`${what}: not within ${deadlineMs} ms`);
    await sleep(everyMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
