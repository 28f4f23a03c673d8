/** Stops a timer that has not fired yet; afterwards it does nothing. */
export type CancelTimer = () => void;

/** Time as the library sees it. Everything that waits or stamps takes one, so that tests own the time. */
export interface Clock {
  /** Wall clock in whole ms since the epoch: for what is stored or shown. */
  now(): number;
  /** Monotonic ms from an arbitrary zero: for durations and deadlines inside this process. */
  mono(): number;
  /** Calls `fn` once, `delayMs` from now (0 or less: as soon as possible). Any finite delay is honoured. */
  timer(delayMs: number, fn: () => void): CancelTimer;
}

/** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects: the caller looks at the signal. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = (): void => {
      cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.timer(delayMs, wake);
    signal?.addEventListener('abort', wake, { once: true });
  });
}
