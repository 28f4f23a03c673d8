import { isNativeError } from 'node:util/types';
import { Worker } from 'node:worker_threads';
import { ThreadDiedError } from './thread-pool.errors.js';

/** What a thread is asked to do, and who waits for it. */
export interface Work {
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface ThreadOptions {
  /** The module whose `run` the thread calls. */
  readonly module: URL;
  readonly maxHeapMb: number | undefined;
}

/** Imports the module, and answers each message with what its `run` returned or threw. */
const ENTRY = `
const { parentPort, workerData } = require('node:worker_threads');
const module = import(workerData);
module.catch(() => {});
parentPort.on('message', async (input) => {
  let answer;
  try {
    answer = { output: await (await module).run(input) };
  } catch (error) {
    answer = { error };
  }
  try {
    parentPort.postMessage(answer);
  } catch (error) {
    parentPort.postMessage({ error });
  }
});
`;

type Answer = { readonly output: unknown } | { readonly error: unknown };

/** One thread, doing one thing at a time. Keeps the process alive only while it works. */
export class Thread {
  readonly #worker: Worker;
  #work: Work | undefined;
  #cause: unknown;

  constructor({ module, maxHeapMb }: ThreadOptions, died: (thread: Thread) => void) {
    this.#worker = new Worker(ENTRY, {
      eval: true,
      workerData: module.href,
      ...(maxHeapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } }),
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.on('error', (error) => (this.#cause = error));
    this.#worker.on('exit', (code) => {
      died(this); // first: whoever is told of the death must not be given the dead
      const why = `the thread of ${module.href} ended with ${code}`;
      this.#end()?.reject(new ThreadDiedError(why, { cause: this.#cause }));
    });
  }

  get isBusy(): boolean {
    return this.#work !== undefined;
  }

  /** Input and output are copied, as structuredClone does. */
  start(work: Work): void {
    this.#work = work;
    this.#worker.ref();
    try {
      this.#worker.postMessage(work.input);
    } catch (error) {
      this.#end()?.reject(error); // cannot be copied
    }
  }

  /** Ends it at once, whatever it does: what it works on is left without an answer. */
  async terminate(): Promise<void> {
    this.#end();
    await this.#worker.terminate();
  }

  #answered(answer: Answer): void {
    const work = this.#end();
    if ('output' in answer) work?.resolve(answer.output);
    else
      work?.reject(
        isNativeError(answer.error)
          ? answer.error
          : new ThreadDiedError(`a thread threw ${String(answer.error)}`),
      );
  }

  #end(): Work | undefined {
    const work = this.#work;
    this.#work = undefined;
    this.#worker.unref();
    return work;
  }
}
