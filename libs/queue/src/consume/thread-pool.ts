import { availableParallelism } from 'node:os';
import { Thread, type Work } from './thread.js';
import { ThreadPoolClosedError } from './thread-pool.errors.js';

export interface ThreadPoolOptions {
  /** Default: one less than there are processors, at least one. */
  readonly threads?: number;
  /** Most memory of one thread's heap, in MiB; one that needs more dies. Default: that of the process. */
  readonly maxHeapMb?: number;
}

export interface ThreadCall {
  /** Ends the thread when it aborts, whatever it computes; another one takes its place. */
  readonly signal?: AbortSignal;
}

/**
 * Threads for work that computes, so that the event loop stays free to renew leases. A thread has no Nest container: its
 * module exports a plain function, `run(input)`, which may be asynchronous; input and output are copied. A handler waits
 * for `run` of the pool, so that its concurrency bounds what waits here, and a shutdown waits for what runs.
 */
export class ThreadPool {
  readonly #threads = new Set<Thread>();
  readonly #waiting = new Set<Work>();
  readonly #most: number;
  #closed = false;

  /** Starts no thread before there is work for it. */
  constructor(
    private readonly module: URL,
    private readonly options: ThreadPoolOptions = {},
  ) {
    this.#most = options.threads ?? Math.max(1, availableParallelism() - 1);
  }

  /**
   * What the module's `run` answers to `input`. Rejects with what that throws, with the reason of the signal, with
   * ThreadDiedError when the thread ends, and with ThreadPoolClosedError.
   */
  run<Output = unknown>(input: unknown, { signal }: ThreadCall = {}): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      if (this.#closed) return reject(closed(this.module));
      if (signal?.aborted === true) return reject(signal.reason);
      const abort = (): void => this.#abort(work, signal?.reason);
      const done = (): void => signal?.removeEventListener('abort', abort);
      const work: Work = {
        input,
        resolve: (output) => (done(), resolve(output as Output)),
        reject: (error) => (done(), reject(error)),
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(work);
      this.#next();
    });
  }

  /** Ends all threads; what waits or runs is rejected. Nest calls it when the application closes, after the handlers. */
  async close(): Promise<void> {
    this.#closed = true;
    const open = [...this.#waiting, ...this.#running.keys()];
    this.#waiting.clear();
    this.#running.clear();
    for (const { reject } of open) reject(closed(this.module));
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  readonly #running = new Map<Work, Thread>();

  #next(): void {
    for (const work of this.#waiting) {
      const thread = this.#free();
      if (thread === undefined) return;
      this.#waiting.delete(work);
      this.#start(thread, work);
    }
  }

  #start(thread: Thread, work: Work): void {
    this.#running.set(work, thread);
    const over = (): void => {
      this.#running.delete(work);
      this.#next();
    };
    thread.start({
      input: work.input,
      resolve: (output) => (work.resolve(output), over()),
      reject: (error) => (work.reject(error), over()),
    });
  }

  #free(): Thread | undefined {
    for (const thread of this.#threads) if (!thread.isBusy) return thread;
    if (this.#threads.size >= this.#most) return undefined;
    const { maxHeapMb } = this.options;
    const thread = new Thread({ module: this.module, maxHeapMb }, (dead) => this.#threads.delete(dead));
    this.#threads.add(thread);
    return thread;
  }

  #abort(work: Work, reason: unknown): void {
    const thread = this.#running.get(work);
    this.#waiting.delete(work);
    this.#running.delete(work);
    work.reject(reason);
    if (thread === undefined) return;
    this.#threads.delete(thread);
    void thread.terminate().then(() => this.#next());
    this.#next();
  }
}

function closed(module: URL): ThreadPoolClosedError {
  return new ThreadPoolClosedError(
    `the threads of ${module.href} are closed: give them work before the application stops`,
  );
}
