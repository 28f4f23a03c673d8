import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];

/** Of all applications of this process. */
const OURS = new Set<unknown>();

/** Whether anybody else does something when this process is told to end. */
export function hearsSignal(signal: Signal): boolean {
  return process.listeners(signal).some((listener) => !OURS.has(listener));
}

/**
 * Ends the process at once when it is told to end a second time: whoever says it twice does not want to wait for
 * handlers. The first time it does nothing, unless nobody else listens; then it ends the process as the signal would.
 */
export class SecondSignal {
  #heard = 0;

  start(): void {
    OURS.add(this.#hear);
    for (const signal of SIGNALS) process.on(signal, this.#hear);
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.#hear);
    OURS.delete(this.#hear);
  }

  /** 128 and the number of the signal, as shells do. */
  readonly #hear = (signal: Signal): void => {
    if (++this.#heard === 1 && hearsSignal(signal)) return;
    // oxlint-disable-next-line unicorn/no-process-exit -- the application asked for exactly this, and nothing else ends a process at once
    process.exit(128 + constants.signals[signal]);
  };
}
