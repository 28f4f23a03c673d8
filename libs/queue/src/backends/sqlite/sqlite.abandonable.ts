/**
 * A job whose caller may stop waiting, as long as it has not run. From then on its result may be stored, so an abort
 * must not throw it away.
 */
export class Abandonable<T> {
  readonly #signal: AbortSignal;
  readonly #abandoned: () => T;
  #ran = false;

  /** `abandoned` makes the answer for a caller who left in time. */
  constructor(signal: AbortSignal, abandoned: () => T) {
    this.#signal = signal;
    this.#abandoned = abandoned;
  }

  /** Inside the transaction: does the work, unless nobody waits for it any more. */
  run(work: () => T): T {
    if (this.#signal.aborted) return this.#abandoned();
    this.#ran = true;
    return work();
  }

  /** The job's answer, or the abandoned one as soon as the signal aborts before it has run. */
  outcome(job: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        if (!this.#ran) resolve(this.#abandoned());
      };
      if (this.#signal.aborted) stop();
      this.#signal.addEventListener('abort', stop, { once: true });
      job.then(resolve, reject).finally(() => this.#signal.removeEventListener('abort', stop));
    });
  }
}
